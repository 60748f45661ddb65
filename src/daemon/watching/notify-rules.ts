// The rules of the config's `notify`: which changes of a run are reported, and how. Read when the daemon starts, so
// that a mistake is seen then and not at the first failure of the night.
import * as v from 'valibot';
import type { Change } from '../../engine/engine.ts';
import { OUTCOME_NAMES, STATE_NAMES } from '../../run/run.ts';
import { type Config, wrongIn } from '../../support/config.ts';
import { MAX_JOB_NAME } from '../../support/limits.ts';
import {
  be,
  list,
  object,
  oneOf,
  read,
  type Schema,
  strict,
  systemText,
  textUpTo,
} from '../../support/schema.ts';

export interface NotifyRule {
  /** States that a run comes into, and outcomes of its attempts. */
  readonly on: ReadonlySet<string>;
  readonly job: string | null;
  readonly target: NotifyTarget;
}

export type NotifyTarget =
  | { readonly kind: 'command'; readonly program: string; readonly args: readonly string[] }
  | { readonly kind: 'url'; readonly url: string };

const words = oneOf([...new Set([...STATE_NAMES, ...OUTCOME_NAMES])]);
const line = be<string>(
  'a line for the shell, or a list: the program and its arguments',
  (command) => typeof command === 'string' && command.trim() !== '',
);
const address = be<string>(
  'an address that begins with https:// or http://',
  (url) =>
    typeof url === 'string' &&
    URL.canParse(url) &&
    ['http:', 'https:'].includes(new URL(url).protocol),
);
const ON = "a list of states and outcomes such as ['failed', 'timeout']";
const someOf = (item: Schema<string>, wanted?: string): Schema<string[]> =>
  v.pipe(list(item, wanted), v.nonEmpty(' must not be an empty list'));

const rule = v.pipe(
  strict(
    {
      on: v.lazy((on) => (typeof on === 'string' ? words : someOf(words, ON))),
      job: v.optional(textUpTo(MAX_JOB_NAME)),
      command: v.optional(
        v.lazy((command) => (Array.isArray(command) ? someOf(systemText) : line)),
      ),
      url: v.optional(address),
    },
    { noun: 'setting', place: 'settings' },
  ),
  v.check(
    ({ command, url }) => (command === undefined) !== (url === undefined),
    ' must have a "command" or a "url"\nOne of the two, and not both.',
  ),
  v.transform(
    ({ on, job, command, url }): NotifyRule => ({
      on: new Set([on].flat()),
      job: job ?? null,
      target:
        url === undefined ? commandOf(command ?? []) : { kind: 'url', url: new URL(url).href },
    }),
  ),
);
const rules = object({ notify: list(rule) });

/** Throws `bad-config` that names the entry. */
export const notifyRules = ({ dir, notify }: Pick<Config, 'dir' | 'notify'>): NotifyRule[] =>
  read(rules, { notify }, wrongIn(dir)).notify;

function commandOf(command: string | readonly string[]): NotifyTarget {
  const [program = '', ...args] =
    typeof command === 'string' ? ['/bin/sh', '-c', command] : command;
  return { kind: 'command', program, args };
}

/** True if this change is one of those that the rule asks for. A change is told once, however many words fit. */
export function isAskedFor({ on, job }: NotifyRule, { prev, run }: Change): boolean {
  if (job !== null && job !== run.job) return false;
  const entered = prev?.state.name !== run.state.name && on.has(run.state.name);
  return entered || (prev !== null && on.has(outcomeOf({ prev, run })));
}

/** How the attempt ended that ended with this change; empty where none did. */
function outcomeOf({ prev, run }: Pick<Change, 'prev' | 'run'>): string {
  if (prev?.state.name !== 'running' || run.state.name === 'running') return '';
  return run.life?.attempts.at(-1)?.outcome ?? '';
}
