// The logs of runs, where there are no files: nothing is promised of them, and nothing is kept. What takes time is that
// they reach the disk: a save that waits for it may come when its attempt is over and another one has the run.
import type { Logs, NumberedLine } from '../../src/engine/logs.ts';
import type { LogLine } from '../../src/run/view.ts';
import { type Clock, delay } from '../../src/support/clock.ts';
import type { Random } from '../helpers/random.ts';

export class MemoryLogs implements Logs {
  readonly #clock: Clock;
  readonly #chance: Random;

  constructor(clock: Clock, chance: Random) {
    this.#clock = clock;
    this.#chance = chance;
  }

  begin(): void {}
  append(): void {}

  row(): boolean {
    return true;
  }

  owes(): boolean {
    return false;
  }

  async flush(): Promise<void> {
    if (this.#chance.chance(0.4)) await delay(this.#clock, this.#chance.whole(0, 5000));
  }

  async close(): Promise<void> {}
  async remove(): Promise<void> {}

  async size(): Promise<number> {
    return 0;
  }

  async lines(): Promise<LogLine[]> {
    return [];
  }

  async rows(): Promise<readonly []> {
    return [];
  }

  async *follow(): AsyncIterable<NumberedLine> {}
}
