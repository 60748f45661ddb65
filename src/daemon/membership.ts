// This daemon as one of several that share a store: it renews its lease, ends its attempts in time where it cannot, and
// takes over from those that are gone. Leases and their rules: run/lease.
//
//   member <--answer-- away --six tenths of the lease--> fenced
//     |  '--no answer--^  <---------answer-----------------'
//     '--given up--> outsider --attempts dead, joined anew--> member
//
// member: the store has answered the last renewal. Runs are taken and carried out.
// away: it has answered neither that renewal nor one that was asked for at once after it. Attempts go on, nothing new
//   begins, and it asks again several times a second. It says so once.
// fenced: six tenths of the lease have passed since the last renewal that was answered was asked for. All attempts are
//   ended, whole process groups; they are `lost`. Their results are written when the store answers, if no other has the
//   runs by then.
// outsider: the store has answered, and does not know this member any more: it was silent for so long that another one
//   has taken over. All attempts are ended, and only when nothing of them lives does it join under a new number.
//
// The order of effects, on the side that is silent:
//   1. a renewal is asked for, at t by its own clock;       4. at t + 3/4 of it, for a daemon that does not move,
//   2. it is answered: fence and reaper count from t;          the reaper kills whatever still lives;
//   3. at t + 3/5 of the lease the fence ends its attempts; 5. before t + the whole lease none takes over.
// On the side that takes over:
//   1. it sees no new renewal for the whole lease;          3. ends what of its processes may live on this machine;
//   2. the member is given up, in one statement that fails  4. each of its runs is taken back under its token: what the
//      where it has renewed: from now on no claim of it        attempt still writes changes nothing.
//      commits;
// So if a member dies between two of these, the next one to look finds what is left to do: runs without a holder.
import type { Cluster, OtherMember, Renewal } from '../engine/cluster.ts';
import type { MemberInfo } from '../engine/members.ts';
import { fenceMs, reaperMs, renewEveryMs, Watch } from '../run/lease.ts';
import { type Clock, delay, elapsedOf } from '../support/clock.ts';
import { isStoreAway } from '../support/errors.ts';
import { SECOND } from '../support/limits.ts';

export interface MembershipParts {
  readonly cluster: Cluster;
  readonly clock: Clock;
  readonly leaseMs: number;
  readonly info: () => MemberInfo;
  /** Ends all attempts at once, with everything that they started; resolves when nothing of them lives. */
  readonly endAttempts: () => Promise<void>;
  /** The reaper ends them by itself when so long has passed without another beat. */
  readonly beat: (leftMs: number) => void;
  /** Takes back all runs without a holder. */
  readonly takeOver: (gone: readonly OtherMember[]) => Promise<void>;
  readonly onAway: (error: unknown) => void;
  readonly onBack: () => void;
  readonly onFenced: () => void;
  readonly onError: (error: unknown) => void;
}

/** A store that is back is found within this and the time that it takes to connect. */
const AGAIN_AFTER_MS = SECOND / 2;

export class Membership {
  readonly #p: MembershipParts;
  readonly #watch: Watch;
  readonly #stopping = new AbortController();
  #state: 'member' | 'away' | 'fenced' | 'outsider' = 'member';
  #fenceAt: number;
  #undoFence: () => void = () => undefined;
  #hurry = new AbortController();
  #others: readonly OtherMember[] = [];
  #takingOver: Promise<void> | null = null;
  #over: Promise<void> = Promise.resolve();

  /** `joinedAt`: when it was asked to become a member, by the elapsed time. */
  constructor(parts: MembershipParts, joinedAt: number) {
    this.#p = parts;
    this.#watch = new Watch(parts.leaseMs);
    this.#fenceAt = joinedAt;
    this.#renewed(joinedAt);
  }

  start(): void {
    this.#p.cluster.onTrouble(() => {
      if (this.isThere) this.tell();
    });
    this.#over = this.#run();
  }

  /** Renews no more; what is held is to be given back before. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#hurry.abort();
    this.#undoFence();
    await this.#over;
    await this.#takingOver;
  }

  /** The store is there, as far as this daemon knows. */
  get isThere(): boolean {
    return this.#state === 'member';
  }

  /** An attempt that is begun now ends before anyone else may begin it. */
  get mayBegin(): boolean {
    return this.#state === 'member' && !this.isFenced;
  }

  /** No attempt may be alive: what ends now was ended by this. True before anything has been done about it. */
  get isFenced(): boolean {
    return (
      this.#state === 'fenced' ||
      this.#state === 'outsider' ||
      elapsedOf(this.#p.clock) >= this.#fenceAt
    );
  }

  /** Something that the others should know has changed: renews at once. */
  tell(): void {
    this.#hurry.abort();
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      const { clock } = this.#p;
      const askedAt = elapsedOf(clock);
      this.#hurry = new AbortController();
      await this.#beat(askedAt)
        .catch((error) => this.#beatAgain(error, askedAt))
        .catch((error) => this.#failed(error));
      const waitMs = this.isThere ? this.#everyMs() : AGAIN_AFTER_MS;
      // A dead member is found as soon as its lease ends, not up to a renewal later.
      const nextAt = Math.min(askedAt + waitMs, this.#watch.goneAt);
      const leftMs = nextAt - elapsedOf(clock);
      await delay(clock, Math.max(leftMs, 1), this.#hurry.signal);
    }
  }

  /** As often as the shortest lease of all asks for: its member is not to wait longer for those that take over. */
  #everyMs(): number {
    return renewEveryMs(Math.min(this.#p.leaseMs, ...this.#others.map(({ leaseMs }) => leaseMs)));
  }

  async #beat(askedAt: number): Promise<void> {
    const { cluster, clock, info, onBack } = this.#p;
    const renewal = await cluster.renew(info());
    const answeredAt = elapsedOf(clock);
    const wasAway = this.#state === 'away' || this.#state === 'fenced';
    if (!renewal.isMember) await this.#joinAnew();
    else {
      this.#state = 'member';
      this.#renewed(askedAt);
    }
    if (wasAway) onBack();
    await this.#lookAt(renewal, askedAt, answeredAt);
  }

  /** A session that was ended may be followed by the next one at once: then the store has never been away. */
  async #beatAgain(error: unknown, askedAt: number): Promise<void> {
    const now = elapsedOf(this.#p.clock);
    if (!this.isThere || !isStoreAway(error) || now - askedAt > AGAIN_AFTER_MS) throw error;
    this.#watch.lost();
    await this.#beat(now);
  }

  #renewed(askedAt: number): void {
    const { clock, leaseMs, beat } = this.#p;
    const passedMs = elapsedOf(clock) - askedAt;
    this.#fenceAt = askedAt + fenceMs(leaseMs);
    this.#undoFence();
    this.#undoFence = clock.after(fenceMs(leaseMs) - passedMs, () => this.#fence(), { idle: true });
    beat(reaperMs(leaseMs) - passedMs);
  }

  #fence(): void {
    if (this.#state === 'fenced' || this.#state === 'outsider') return;
    this.#state = 'fenced';
    const { endAttempts, onFenced, onError } = this.#p;
    onFenced();
    endAttempts().catch(onError);
  }

  async #joinAnew(): Promise<void> {
    const { cluster, clock, info, endAttempts } = this.#p;
    this.#state = 'outsider';
    this.#undoFence();
    await endAttempts();
    const askedAt = elapsedOf(clock);
    await cluster.rejoin(info());
    this.#state = 'member';
    this.#renewed(askedAt);
  }

  async #lookAt(
    { others, hasAbandoned }: Renewal,
    askedAt: number,
    answeredAt: number,
  ): Promise<void> {
    const { cluster, takeOver, onError } = this.#p;
    this.#others = others;
    const silent = this.#watch.look(others, askedAt, answeredAt);
    const gone: OtherMember[] = [];
    for (const one of silent) if (await cluster.giveUp(one.id, one.beats)) gone.push(one);
    if (!hasAbandoned && gone.length === 0) return;
    // Beside the renewals, which must not wait for it. Runs that it misses are found at the next look.
    this.#takingOver ??= takeOver(gone)
      .catch(onError)
      .finally(() => {
        this.#takingOver = null;
      });
  }

  #failed(error: unknown): void {
    const { onAway, onError } = this.#p;
    this.#watch.lost();
    if (!isStoreAway(error)) onError(error);
    if (this.#state !== 'member') return;
    this.#state = 'away';
    onAway(error);
  }
}
