// The reserve: bytes held in `state/reserve` for the day on which the disk is full. They are given up then, so that
// what runs can still be settled, and from that moment nothing new is accepted or started: the room is for results.
// It is made anew, in full, before anything new goes on; no restart is needed for that.
//
// The bytes are written and synced, not only promised by a size: a file with holes would reserve nothing.
import { join } from 'node:path';
import type { Clock } from '../support/clock.ts';
import { isFull, JobrunError } from '../support/errors.ts';
import type { Disk } from '../support/files.ts';
import { LOOK_FOR_ROOM_MS, RESERVE_BYTES, RESERVE_SHARE } from '../support/limits.ts';

export class Reserve {
  readonly #disk: Disk;
  readonly #dir: string;
  readonly #clock: Clock;
  #held = false;
  #full = false;
  #lookedAt = Number.NEGATIVE_INFINITY;
  #making: Promise<void> | null = null;

  private constructor(disk: Disk, dir: string, clock: Clock) {
    this.#disk = disk;
    this.#dir = dir;
    this.#clock = clock;
  }

  /** Takes over the reserve of an earlier process, or makes one where there is room. */
  static async open(disk: Disk, dir: string, clock: Clock): Promise<Reserve> {
    const reserve = new Reserve(disk, dir, clock);
    const names = await disk.list(dir);
    reserve.#held = names.includes('reserve') && (await reserve.#isWhole());
    if (!reserve.#held) await reserve.#look();
    return reserve;
  }

  /** Gives up what a full disk needs to be started on; false where there is nothing to give. */
  static async removeFrom(disk: Disk, dir: string): Promise<boolean> {
    if (!(await disk.list(dir)).includes('reserve')) return false;
    await disk.remove(join(dir, 'reserve'));
    return true;
  }

  /** There was no room for it, or it had to be given up: only what has begun goes on. */
  get full(): boolean {
    return this.#full;
  }

  /** Frees its room; false where it was free already. */
  async giveUp(): Promise<boolean> {
    await this.#making;
    this.#full = true;
    if (!this.#held) return false;
    this.#held = false;
    this.#lookedAt = this.#clock.monotonic();
    await this.#disk.remove(this.#path);
    return true;
  }

  /** Looks for room, and makes it again where there is some; true where there is not. */
  async staysFull(): Promise<boolean> {
    await this.#look();
    return this.#full;
  }

  async #look(): Promise<void> {
    const now = this.#clock.monotonic();
    if (!this.#held && !this.#making && now - this.#lookedAt >= LOOK_FOR_ROOM_MS) {
      this.#lookedAt = now;
      this.#making = this.#make().finally(() => {
        this.#making = null;
      });
    }
    await this.#making;
  }

  get #path(): string {
    return join(this.#dir, 'reserve');
  }

  async #size(): Promise<number> {
    const { total } = await this.#disk.space(this.#dir);
    return Math.min(RESERVE_BYTES, Math.floor(total * RESERVE_SHARE));
  }

  /** A crash may have left a part of one, or a power cut an empty one. */
  async #isWhole(): Promise<boolean> {
    // A reserve that cannot be read is made anew.
    const bytes = await this.#disk.read(this.#path).catch(() => null);
    return bytes !== null && bytes.length >= (await this.#size());
  }

  async #make(): Promise<void> {
    try {
      const size = await this.#size();
      const { free } = await this.#disk.space(this.#dir);
      // As much again must be left, or the next line of the journal would need it back at once.
      this.#full = free < 2 * size;
      if (this.#full) return;
      await this.#disk.remove(this.#path);
      await this.#write(size);
      this.#held = true;
    } catch (error) {
      // A disk that fails in another way says so where it matters: at the next commit.
      this.#full = isFull(error);
      // A part that stays is removed before the next try, and no start takes it for a whole one.
      await this.#disk.remove(this.#path).catch(() => undefined);
    }
  }

  async #write(size: number): Promise<void> {
    const file = await this.#disk.create(this.#path);
    try {
      await file.write(Buffer.alloc(size, FILLING), 0);
      await file.sync();
    } finally {
      await file.close();
    }
  }
}

const FILLING = 'jobrun keeps this room free for results on a full disk; see README.md\n';

export const fullRefusal = (): JobrunError =>
  new JobrunError(
    'disk-full',
    'not accepted: the disk is full, and what is left is kept for results',
    'Make room: it goes on by itself, without a restart. Nothing was lost.',
  );

export const FULL_REASON = 'the disk is full: nothing starts until there is room again';
