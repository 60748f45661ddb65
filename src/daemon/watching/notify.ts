// Tells others of runs, as the config's `notify` asks: a command gets the run as JSON on its stdin, a URL gets it
// posted. It stands beside the work and never in its way: a few at once, a bounded line before them, a timeout for each
// try, and at the end of the daemon a moment's patience. A failed notification is logged, never the address in full: it
// may hold a secret.
//
// It is told at most a few times and perhaps never: a daemon that is killed forgets what it had not told. A program
// that must hear of every change reads `jobrun events --since`.

import type { Logger } from 'pino';
import type { Change } from '../../engine/engine.ts';
import type { Run } from '../../run/run.ts';
import { type RunView, viewOf } from '../../run/view.ts';
import { type Clock, delay } from '../../support/clock.ts';
import type { Config } from '../../support/config.ts';
import {
  MAX_NOTIFY_QUEUE,
  MAX_NOTIFYING,
  NOTIFY_STOP_MS,
  NOTIFY_TIMEOUT_MS,
  SECOND,
} from '../../support/limits.ts';
import { count } from '../../support/text.ts';
import { LATE, NotifyCommands } from './notify-command.ts';
import { isAskedFor, type NotifyRule, type NotifyTarget } from './notify-rules.ts';
import { type Failed, postJson } from './post-json.ts';

export interface NotifyParts {
  readonly rules: readonly NotifyRule[];
  readonly dir: string;
  /** The environment of commands. */
  readonly env: Readonly<Record<string, string>>;
  readonly newMark: () => string;
  readonly config: Pick<Config, 'redact' | 'host'>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Why a run does not start. */
  readonly why: (run: Run) => Promise<string | null>;
}

interface Notice {
  readonly target: NotifyTarget;
  readonly run: Run;
}

/** Before the second and the third try; after that it is given up. */
const AGAIN_AFTER_MS = [SECOND, 5 * SECOND];
const OVERFLOW_TOLD_EVERY_MS = 10 * SECOND;

export class Notify {
  readonly #p: NotifyParts;
  readonly #commands: NotifyCommands;
  readonly #queue: Notice[] = [];
  readonly #ending = new AbortController();
  #active = 0;
  #dropped = 0;
  #toldAt = Number.NEGATIVE_INFINITY;
  #idle: () => void = () => undefined;

  constructor(parts: NotifyParts) {
    this.#p = parts;
    this.#commands = new NotifyCommands(parts);
  }

  changed(change: Change): void {
    for (const rule of this.#p.rules) {
      if (!isAskedFor(rule, change)) continue;
      if (this.#queue.length >= MAX_NOTIFY_QUEUE) this.#overflow();
      else this.#queue.push({ target: rule.target, run: change.run });
    }
    this.#next();
  }

  /** Resolves within a moment: with all of it told, or with the rest given up. */
  async close(): Promise<void> {
    const { clock, logger } = this.#p;
    if (this.#active > 0) {
      const idle = new Promise<void>((resolve) => {
        this.#idle = resolve;
      });
      await Promise.race([idle, delay(clock, NOTIFY_STOP_MS, this.#ending.signal)]);
    }
    const left = this.#active + this.#queue.length;
    this.#queue.length = 0;
    this.#ending.abort();
    await this.#commands.close();
    if (left + this.#dropped > 0)
      logger.warn(`${count(left + this.#dropped, 'notification')} given up at the end`);
  }

  #overflow(): void {
    this.#dropped++;
    const now = this.#p.clock.monotonic();
    if (now - this.#toldAt < OVERFLOW_TOLD_EVERY_MS) return;
    this.#toldAt = now;
    const text = `${count(this.#dropped, 'notification')} not sent: ${MAX_NOTIFY_QUEUE} wait already`;
    this.#p.logger.error(text);
    this.#dropped = 0;
  }

  #next(): void {
    while (this.#active < MAX_NOTIFYING) {
      const notice = this.#queue.shift();
      if (!notice) break;
      this.#active++;
      this.#tell(notice)
        .catch((error) => this.#p.logger.error({ err: error }, 'a notification'))
        .finally(() => {
          this.#active--;
          this.#next();
        });
    }
    if (this.#active === 0) this.#idle();
  }

  async #tell({ target, run: changed }: Notice): Promise<void> {
    const { clock, logger, config, why } = this.#p;
    const { signal } = this.#ending;
    const run = viewOf(changed, await why(changed), config);
    const body = JSON.stringify(run);
    for (let tries = 1; ; tries++) {
      const failed = await this.#try(target, body, run);
      if (failed === null || signal.aborted) return;
      const again = AGAIN_AFTER_MS[tries - 1];
      if (failed.final || again === undefined) {
        const text = `could not tell ${nameOf(target)} of it: ${failed.why} (${tries} of 3 tries)`;
        logger.error({ run: run.id, job: run.job }, text);
        return;
      }
      await delay(clock, again, signal);
      if (signal.aborted) return;
    }
  }

  #try(target: NotifyTarget, body: string, run: RunView): Promise<Failed | null> {
    const { clock } = this.#p;
    const { signal } = this.#ending;
    const limit = new AbortController();
    const undo = clock.after(NOTIFY_TIMEOUT_MS, () => limit.abort());
    const ends = AbortSignal.any([signal, limit.signal]);
    const trying =
      target.kind === 'url'
        ? postJson(target.url, body, { signal: ends, late: LATE, isPassing: PASSING })
        : this.#commands.run(target, body, run, ends);
    return trying.finally(undo);
  }
}

const PASSING = (status: number): boolean => status >= 500 || [408, 425, 429].includes(status);

/** Without what may be a secret: the path of a URL, the arguments of a command. */
function nameOf(target: NotifyTarget): string {
  if (target.kind === 'url') return new URL(target.url).host;
  const line = target.program === '/bin/sh' ? (target.args[1] ?? '') : target.program;
  return line.trim().split(/\s/)[0] ?? '';
}
