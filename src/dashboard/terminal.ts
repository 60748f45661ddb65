// The terminal: taken over at the start, given back at the end, whatever the end is. The picture is on the alternate
// screen, so what was there before is there again. Lines that are longer than we think are cut by the terminal and not
// broken, so that a letter of a surprising width spoils its own line at most.
import type { Clock } from '../support/clock.ts';
import { type Key, readKeys } from './key-reader.ts';
import type { Size } from './model.ts';

const ESC = '\u001b';
const ENTER = `${ESC}[?1049h${ESC}[?25l${ESC}[?7l${ESC}[?2004h${ESC}[0m${ESC}[2J${ESC}[H`;
const LEAVE = `${ESC}[0m${ESC}[?2004l${ESC}[?7h${ESC}[?25h${ESC}[?1049l`;
/** Clicks and the wheel, with columns and rows as numbers: the older ways end at column 223. */
const MOUSE_ON = `${ESC}[?1000h${ESC}[?1006h`;
const MOUSE_OFF = `${ESC}[?1006l${ESC}[?1000l`;
/** A terminal sends all bytes of a key at once; over a slow line they may come apart. */
const KEY_MS = 40;

export interface TerminalStreams {
  readonly stdin: NodeJS.ReadStream;
  readonly stdout: NodeJS.WriteStream;
}

export class Terminal {
  readonly #in: NodeJS.ReadStream;
  readonly #out: NodeJS.WriteStream;
  readonly #clock: Clock;
  #entered = false;
  #mouse = true;
  #rest = '';
  #undoKey = (): void => undefined;
  #onKey: (key: Key, burst: boolean) => void = () => undefined;

  constructor({ stdin, stdout }: TerminalStreams, clock: Clock) {
    this.#in = stdin;
    this.#out = stdout;
    this.#clock = clock;
  }

  get size(): Size {
    return { columns: this.#out.columns || 80, rows: this.#out.rows || 24 };
  }

  enter(): void {
    if (this.#entered) return;
    this.#entered = true;
    this.#in.setEncoding('utf8');
    this.#in.setRawMode(true);
    this.#in.on('data', this.#read);
    this.#in.resume();
    this.#out.write(this.#mouse ? ENTER + MOUSE_ON : ENTER);
  }

  /** Safe to call at any moment and again; writes at once, also while the process ends. */
  readonly leave = (): void => {
    if (!this.#entered) return;
    this.#entered = false;
    this.#undoKey();
    this.#in.off('data', this.#read);
    this.#in.pause();
    this.#out.write(MOUSE_OFF + LEAVE);
    // The terminal may have gone away: then there is nothing to give back.
    if (!this.#in.destroyed) this.#in.setRawMode(false);
  };

  /** Draws, while the terminal is ours. */
  readonly write = (text: string): void => {
    if (this.#entered) this.#out.write(text);
  };

  /** OSC 52: the terminal puts it into the clipboard, also over ssh; those that do not know it ignore it. */
  copy(text: string): void {
    this.write(`${ESC}]52;c;${Buffer.from(text).toString('base64')}\u0007`);
  }

  /** Gives the mouse to the terminal, which selects text with it, or takes it back. True where it is ours now. */
  turnMouse(): boolean {
    this.#mouse = !this.#mouse;
    this.write(this.#mouse ? MOUSE_ON : MOUSE_OFF);
    return this.#mouse;
  }

  /** `burst`: it came with others at once, as pasted text does and no finger. */
  onKey(listener: (key: Key, burst: boolean) => void): void {
    this.#onKey = listener;
  }

  /** Also for one that came back to the size it had: what the terminal showed is cut all the same. Returns its undo. */
  onResize(listener: () => void): () => void {
    process.on('SIGWINCH', listener);
    return () => process.off('SIGWINCH', listener);
  }

  /** Calls back when the terminal is gone. Returns its undo. */
  onGone(listener: () => void): () => void {
    this.#out.on('error', listener);
    this.#in.on('end', listener);
    this.#in.on('error', listener);
    return () => {
      this.#in.off('end', listener);
    };
  }

  /** Stops the process as ctrl-z does; goes on where `fg` lets it. */
  suspend(): void {
    this.leave();
    process.kill(0, 'SIGTSTP');
  }

  readonly #read = (chunk: string | Buffer): void => {
    this.#undoKey();
    this.#take(this.#rest + String(chunk), false);
    if (this.#rest !== '') {
      this.#undoKey = this.#clock.after(KEY_MS, () => this.#take(this.#rest, true));
    }
  };

  #take(input: string, late: boolean): void {
    const { keys, rest } = readKeys(input, late);
    this.#rest = rest;
    for (const key of keys) this.#onKey(key, keys.length > 1);
  }
}
