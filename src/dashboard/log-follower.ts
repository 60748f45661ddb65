// Follows the log of the run whose detail is on the screen: the end of it, then each line as it is said. Lines are
// gathered for a moment, so that a job that talks without end costs no more pictures than another.
import type { NumberedLine } from '../engine/logs.ts';
import type { LogLine } from '../run/view.ts';
import { delay } from '../support/clock.ts';
import { detailWanted } from './answers.ts';
import type { Link } from './link.ts';
import { infoOf } from './lists.ts';
import type { Model } from './model.ts';
import { LATER_MS, type Store } from './store.ts';

const MOST_LINES = 1000;
/** Going through a list with the arrow held down opens no log on the way. */
const SETTLE_MS = 80;
const GATHER_MS = 250;

export class LogFollower {
  readonly #store: Store;
  readonly #link: Link;
  #key = '';
  #following = new AbortController();

  constructor(store: Store, link: Link) {
    this.#store = store;
    this.#link = link;
  }

  /** To be called after each change of the model. */
  readonly look = (): void => {
    const key = keyOf(this.#store.model);
    if (key === this.#key) return;
    this.#key = key;
    this.#following.abort();
    const [id = ''] = key.split(' ');
    if (id === '') return;
    this.#following = new AbortController();
    const { signal } = this.#following;
    // A log that cannot be followed is not shown; the board says why.
    this.#follow(id, signal).catch(() => this.#show(id, [], signal, false));
  };

  close(): void {
    this.#key = 'closed';
    this.#following.abort();
  }

  async #follow(id: string, signal: AbortSignal): Promise<void> {
    const { clock } = this.#store;
    await delay(clock, SETTLE_MS, signal);
    if (signal.aborted) return;
    const lines: LogLine[] = [];
    const items = this.#link.stream('logs', { id, last: MOST_LINES, follow: true }, signal);
    if (!items) {
      const reply = await this.#link.call('logs', { id, last: MOST_LINES });
      this.#show(id, (reply as { lines: LogLine[] }).lines, signal, false);
      return;
    }
    // A log without a new line has said nothing; its shown lines stay.
    if (this.#store.model.log?.id !== id) this.#show(id, [], signal, true);
    let undo: (() => void) | null = null;
    let shownAt = Number.NEGATIVE_INFINITY;
    let fresh = 0;
    const show = (live: boolean): void => {
      undo?.();
      undo = null;
      shownAt = clock.monotonic();
      this.#show(id, [...lines], signal, live, fresh);
      fresh = 0;
    };
    try {
      for await (const { line } of items as AsyncIterable<NumberedLine>) {
        lines.push(line);
        fresh++;
        if (lines.length > MOST_LINES) lines.shift();
        undo ??= clock.after(shownAt + GATHER_MS - clock.monotonic(), () => show(true));
      }
    } finally {
      show(false);
    }
  }

  /** A reader farther up keeps the place while lines come in below. */
  #show(
    id: string,
    lines: readonly LogLine[],
    signal: AbortSignal,
    live: boolean,
    fresh = 0,
  ): void {
    if (signal.aborted) return;
    this.#store.change((model) => {
      const { screen } = model;
      const stays = screen.kind === 'log' && screen.back > 0;
      const moved = stays ? { ...screen, back: screen.back + fresh } : screen;
      return { ...model, log: { id, lines, live }, screen: moved };
    }, LATER_MS);
  }
}

/** The run whose log is on the screen, and what makes its log another one. */
function keyOf(model: Model): string {
  const id = infoOf(model.tab).of === 'run' ? detailWanted(model) : null;
  const { detail } = model;
  if (id === null || detail?.kind !== 'run' || detail.run.id !== id) return '';
  return `${id} ${detail.run.settledAt ?? 'goes on'} ${model.link === 'offline' ? 'files' : 'daemon'}`;
}
