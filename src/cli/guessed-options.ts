// Options that are none here, as docker, kubectl, pm2, systemctl, heroku and other programs have them, and those that
// do the same. Most are named as the field is elsewhere (support/foreign-words); the table here has those that differ
// by command, short ones above all. The rest of the line stays as it was typed.
import type { Command } from '../commands/shared/command.ts';
import { flagsByName } from '../commands/shared/options.ts';
import { STATE_NAMES } from '../run/run.ts';
import { isSentence, meantBy } from '../support/foreign-words.ts';
import { GENERAL_OPTIONS } from './entries.ts';
import type { Guess, Line } from './guessed-words.ts';

/**
 * The replacement of an option: the options for the same thing, the last of which takes its value. With `=` in front
 * they replace its value too, and a last one that ends in `:` begins the value. An empty text removes the option. A
 * text with a capital is a sentence, where no option does the same.
 */
type Swap = string;
type Swaps = Readonly<Record<string, Swap>>;

/** Several words for one option. */
const many = (to: Swap, ...flags: readonly string[]): Swaps =>
  Object.fromEntries(flags.map((flag) => [flag, to]));

const EVERYWHERE: Swaps = {
  ...many('=--json', '--format', '-o', '--output'),
  ...many('--color never', '--no-color', '--no-colors'),
  ...many('--dir', '-C'),
  ...many('-v', '--debug', '--trace'),
  ...many('-q', '--silent', '-s'),
  ...many('--help', '-help', '-?'),
  '--config': 'The config is jobrun.config.json in the project, which --dir names.',
};

const HOW_RUN: Swaps = {
  ...many('--params', '-d'),
  ...many('--priority', '-P'),
  ...many(meantBy('env', 'options', []) ?? '', '-e'),
};

/** In place of `run`: what is accepted and not waited for. */
const DETACHED = ['-d', '--detach', '--background', '-b', '--async', '--no-wait'];

const OF_COMMANDS: Readonly<Record<string, Swaps>> = {
  run: {
    ...HOW_RUN,
    // `run` waits and prints the log anyway.
    ...many('', '--rm', '-it', '-i', '-t', '--wait', '-w', '--follow', '-f', '--attach', '--now'),
  },
  schedule: {
    ...HOW_RUN,
    ...Object.fromEntries(
      ['hourly', 'daily', 'weekly', 'monthly', 'yearly'].map((one) => [
        `--${one}`,
        `--cron @${one}`,
      ]),
    ),
    ...many('--name', '-n'),
    ...many('--wait', '-w'),
    ...many('--follow', '-f'),
    ...many('', ...DETACHED.filter((flag) => flag !== '-d'), '--now'),
  },
  update: HOW_RUN,
  abort: {
    ...many('--force', '-f', '-9', '--kill', '--now'),
    ...many('=--force', '--signal', '-s'),
    ...many('--grace', '-t'),
    ...many('--all', '-a'),
  },
  retry: { ...many('--failed', '--all', '-a') },
  list: {
    ...many('--state', '-s'),
    ...Object.fromEntries(STATE_NAMES.map((name) => [`--${name}`, `--state ${name}`])),
    ...many('--state failed,aborted', '--errors'),
    ...many('--limit', '-n'),
    ...many('--job', '-j'),
    ...many('--watch', '-w', '-f', '--follow'),
    ...many('--filter', '-g'),
    ...many('', '-l', '-la', '-al', '-ef', '-aux'),
    ...many('Runs of every state are listed, 50 of them: more with --limit.', '-a', '--all'),
    ...many(
      'The newest come first; --json and jq sort in any other way.',
      '--sort',
      '--order',
      '--sort-by',
    ),
  },
  logs: {
    ...many('-n', '--tail', '--last', '--limit', '--num'),
    ...many('-f', '--watch', '-w'),
    ...many('Each line begins with its time.', '-t', '--timestamps'),
    ...many('All lines are printed; the last ones alone with -n.', '-a', '--all'),
    ...many('Lines are picked by number: -n 50 prints the last 50.', '--since', '--until'),
  },
  wait: { ...many('', '--all', '-a') },
  remove: {
    ...many('', '-f', '--force', '-v', '--volumes'),
    ...many('All settled runs: jobrun prune --keep 0', '--all', '-a'),
  },
  prune: {
    ...many('--keep 0', '--all', '-a'),
    ...many('-y', '-f', '--force'),
    ...many('--keep', '-n'),
    ...many('--state', '-s'),
    ...Object.fromEntries(
      ['done', 'failed', 'aborted'].map((name) => [`--${name}`, `--state ${name}`]),
    ),
  },
  stop: { ...many('--now', '-f', '--force', '-9', '--kill', '--hard') },
  daemon: {
    ...many('--detach', '-d', '-D'),
    ...many('--http 127.0.0.1:', '--port'),
    ...many('--workers', '-c', '-w'),
    ...many('--log', '-l'),
    ...many('', '--watch', '--foreground', '-f'),
  },
  web: {
    ...many(
      'The daemon serves the page: jobrun daemon --http 127.0.0.1:9464',
      '--port',
      '--host',
      '--listen',
    ),
  },
  pause: { ...many('', '--all', '-a') },
  resume: { ...many('', '--all', '-a') },
  doctor: { ...many('--repair', '--fix', '-f') },
  new: { ...many('', '--ts', '--typescript') },
};

/** The line with the option that was meant, for a refusal that names one which is not there. */
export function optionGuess(command: Command, rest: Line, message: string): Guess {
  const { name } = command;
  const [, flag = ''] = /^unknown option '([^'=]+)/.exec(message) ?? [];
  const at = rest.findIndex((word) => word === flag || word.startsWith(`${flag}=`));
  if (at < 0) return null;
  if (name === 'run' && DETACHED.includes(flag) && !isJson(rest[at + 1]))
    return ['schedule', ...without(rest, at)];
  const swap = swapFor(command, flag);
  if (swap === null) return null;
  if (/^[A-Z]/.test(swap)) return swap;
  return [name, ...swapped(rest, at, swap)];
}

function swapFor({ name, options }: Command, flag: string): Swap | null {
  const own = OF_COMMANDS[name] ?? {};
  if (Object.hasOwn(own, flag)) return own[flag] ?? null;
  if (Object.hasOwn(EVERYWHERE, flag)) return EVERYWHERE[flag] ?? null;
  if (!flag.startsWith('--')) return null;
  const flags = flagsByName({ dir: GENERAL_OPTIONS.dir, ...options });
  const to = meantBy(flag, 'options', Object.keys(flags));
  return to === null || isSentence(to) ? to : (flags[to] ?? null);
}

const isJson = (word = ''): boolean => /^[{[@]/.test(word);
const without = (rest: Line, at: number): Line => rest.filter((_, i) => i !== at);

function swapped(rest: Line, at: number, swap: Swap): Line {
  const [before, after] = [rest.slice(0, at), rest.slice(at + 1)];
  const [, inline] = /=(.*)$/s.exec(rest[at] ?? '') ?? [];
  const to = swap.replace(/^=/, '').split(' ').filter(Boolean);
  const [next] = after;
  const isNext = inline === undefined && next !== undefined && !next.startsWith('-');
  if (swap.startsWith('=')) return [...before, ...to, ...(isNext ? after.slice(1) : after)];
  // Params that are no JSON were given one by one.
  const value = inline ?? (isNext ? next : undefined);
  if (swap === '--params' && value !== undefined && /^[\w.-]+:?=/.test(value)) to[0] = '-p';
  if (swap.endsWith(':') && value !== undefined) {
    const address = value.includes(':') ? value : `127.0.0.1:${value}`;
    return [...before, '--http', address, ...(isNext ? after.slice(1) : after)];
  }
  return [...before, ...to, ...(inline === undefined || to.length === 0 ? [] : [inline]), ...after];
}
