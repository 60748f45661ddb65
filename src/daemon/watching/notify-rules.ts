// What the config's `notify` says: of which changes of a run somebody wants to hear, and how he is told. Read when the
// daemon starts, so that a mistake is seen then and not at the first failure of the night.
import { join } from 'node:path';
import type { Change } from '../../engine/engine.ts';
import { OUTCOME_NAMES, STATE_NAMES } from '../../run/run.ts';
import { CONFIG_FILE, type Config } from '../../support/config.ts';
import { JobrunError } from '../../support/errors.ts';
import { nearest } from '../../support/text.ts';

export interface NotifyRule {
  /** States that a run comes into, and outcomes of its attempts. */
  readonly on: ReadonlySet<string>;
  readonly job: string | null;
  readonly target: NotifyTarget;
}

export type NotifyTarget =
  | { readonly kind: 'command'; readonly program: string; readonly args: readonly string[] }
  | { readonly kind: 'url'; readonly url: string };

const FIELDS = ['on', 'job', 'command', 'url'];
const WORDS: readonly string[] = [...new Set([...STATE_NAMES, ...OUTCOME_NAMES])];

/** Throws `bad-config` that names the entry. */
export function notifyRules({ dir, notify }: Pick<Config, 'dir' | 'notify'>): NotifyRule[] {
  return notify.map((entry, i) => ruleOf(entry, `${join(dir, CONFIG_FILE)}: notify[${i}]`));
}

/** Whether this change is one of those that the rule asks for. A change is told once, however many words fit. */
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

function ruleOf(entry: unknown, where: string): NotifyRule {
  if (entry === null || typeof entry !== 'object' || Array.isArray(entry))
    throw wrong(where, 'is not an object', 'Give { "on": ["failed"], "command": "…" }.');
  const fields = entry as Readonly<Record<string, unknown>>;
  const unknown = Object.keys(fields).find((name) => !FIELDS.includes(name));
  if (unknown !== undefined) {
    const meant = nearest(unknown, FIELDS);
    const hint = meant ? `Did you mean "${meant}"?` : `Known are: ${FIELDS.join(', ')}.`;
    throw wrong(where, `has no setting "${unknown}"`, hint);
  }
  const { job } = fields;
  if (job !== undefined && (typeof job !== 'string' || job === ''))
    throw wrong(where, '"job" is not the name of a job', 'Leave it out for all of them.');
  return { on: wordsOf(fields.on, where), job: job ?? null, target: targetOf(fields, where) };
}

function wordsOf(on: unknown, where: string): ReadonlySet<string> {
  const words = typeof on === 'string' ? [on] : on;
  if (!Array.isArray(words) || words.length === 0)
    throw wrong(where, '"on" is not a list', `Of these: ${WORDS.join(', ')}.`);
  for (const word of words) {
    if (WORDS.includes(word)) continue;
    const meant = nearest(String(word), WORDS);
    const hint = meant ? `Did you mean "${meant}"?` : `Known are: ${WORDS.join(', ')}.`;
    throw wrong(where, `there is no state or outcome "${word}"`, hint);
  }
  return new Set(words);
}

function targetOf(fields: Readonly<Record<string, unknown>>, where: string): NotifyTarget {
  const { command, url } = fields;
  if ((command === undefined) === (url === undefined))
    throw wrong(where, 'has to have a "command" or a "url"', 'One of the two, and not both.');
  if (url !== undefined) return { kind: 'url', url: urlOf(url, where) };
  if (typeof command === 'string' && command.trim() !== '')
    return { kind: 'command', program: '/bin/sh', args: ['-c', command] };
  if (Array.isArray(command) && command.length > 0 && command.every(isText)) {
    const [program = '', ...args] = command;
    return { kind: 'command', program, args };
  }
  const hint = 'Give a line for the shell, or a list: the program and its arguments.';
  throw wrong(where, '"command" is neither a text nor a list of texts', hint);
}

const isText = (value: unknown): value is string =>
  typeof value === 'string' && value !== '' && !value.includes('\0');

function urlOf(url: unknown, where: string): string {
  const parsed = typeof url === 'string' && URL.canParse(url) ? new URL(url) : null;
  if (parsed && ['http:', 'https:'].includes(parsed.protocol)) return parsed.href;
  throw wrong(where, '"url" is no address', 'Give one that begins with https:// or http://.');
}

const wrong = (where: string, what: string, hint: string): JobrunError =>
  new JobrunError('bad-config', `${where}: ${what}`, hint);
