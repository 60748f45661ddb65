// Options that are none here, as docker, kubectl, pm2, systemctl, heroku and other programs have them, and those that do the
// same. The rest of the line stays as it was typed.
import { STATE_NAMES } from '../run/run.ts';
import type { Guess, Line } from './guessed-words.ts';

/**
 * The replacement of an option: the options for the same thing, the last of which takes its value. With `=` in front they
 * replace its value too, and a last one that ends in `:` begins the value. An empty text removes the option. A text with a
 * capital is a sentence, where no option does the same.
 */
type Swap = string;
type Swaps = Readonly<Record<string, Swap>>;

/** Several words for one option. */
const many = (to: Swap, ...flags: readonly string[]): Swaps =>
  Object.fromEntries(flags.map((flag) => [flag, to]));

const EVERYWHERE: Swaps = {
  ...many('=--json', '--format', '-o', '--output'),
  ...many('--color never', '--no-color', '--no-colors'),
  ...many('--dir', '--project', '--cwd', '-C', '--root', '--chdir'),
  ...many('-v', '--debug', '--trace'),
  ...many('-q', '--silent', '-s'),
  ...many('--help', '-help', '-?'),
  '--config': 'The config is jobrun.config.json in the project, which --dir names.',
};

const HOW_RUN: Swaps = {
  ...many('--in', '--delay', '--wait-for'),
  ...many('--at', '--when', '--time', '--on', '--date', '--run-at', '--start-at', '--eta'),
  ...many('--params', '--data', '-d', '--payload', '--input', '--body', '--args', '--json-params'),
  ...many('--retries', '--tries', '--attempts', '--max-attempts', '--max-retries', '--retry'),
  ...many('--timeout', '--ttl', '--max-time', '--time-limit'),
  ...many('--key', '--id', '--job-id', '--unique', '--idempotency-key', '--dedupe'),
  ...many('--after', '--depends-on', '--depends', '--dependency', '--needs'),
  ...many('--tz', '--time-zone', '--zone', '--cron-tz'),
  ...many('--priority', '--prio', '-P'),
  ...many('Variables for all jobs stand in "env" of jobrun.config.json.', '--env', '-e'),
};

const RUN: Swaps = {
  ...HOW_RUN,
  // `run` waits and prints the log anyway.
  ...many('', '--rm', '-it', '-i', '-t', '--wait', '-w', '--follow', '-f', '--attach'),
  ...many('', '--now'),
};

/** In place of `run`: what is accepted and not waited for. */
const DETACHED = ['-d', '--detach', '--background', '-b', '--async', '--no-wait'];

const OF_COMMANDS: Readonly<Record<string, Swaps>> = {
  run: RUN,
  schedule: {
    ...HOW_RUN,
    ...many('--every', '--interval', '--repeat', '--repeat-every'),
    ...Object.fromEntries(
      ['hourly', 'daily', 'weekly', 'monthly', 'yearly'].map((one) => [
        `--${one}`,
        `--cron @${one}`,
      ]),
    ),
    ...many('--name', '-n', '--schedule-name'),
    ...many('--wait', '-w'),
    ...many('--follow', '-f'),
    ...many('--replace', '--overwrite', '--update'),
    ...many('', ...DETACHED.filter((flag) => flag !== '-d'), '--now'),
  },
  update: HOW_RUN,
  abort: {
    ...many('--force', '-f', '-9', '--kill', '--now'),
    ...many('=--force', '--signal', '-s'),
    ...many('--grace', '--timeout', '-t', '--time', '--grace-period'),
    ...many('--all', '-a'),
  },
  retry: { ...many('--failed', '--all', '-a') },
  list: {
    ...many('--state', '--status', '-s'),
    ...Object.fromEntries(STATE_NAMES.map((name) => [`--${name}`, `--state ${name}`])),
    ...many('--state failed,aborted', '--errors'),
    ...many('--limit', '-n', '--last', '--count', '--max', '--tail', '--lines'),
    ...many('--offset', '--skip'),
    ...many('--job', '-j', '--name', '--queue'),
    ...many('--watch', '-w', '-f', '--follow'),
    ...many('--filter', '--search', '--grep', '--query', '-g'),
    ...many('', '-l', '-la', '-al'),
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
    ...many('--older-than', '--older', '--before', '--until', '--age', '--max-age', '--days'),
    ...many('--keep 0', '--all', '-a'),
    ...many('-y', '-f', '--force'),
    ...many('--keep', '--keep-last', '--last', '-n'),
    ...many('--state', '--status', '-s'),
    ...Object.fromEntries(
      ['done', 'failed', 'aborted'].map((name) => [`--${name}`, `--state ${name}`]),
    ),
    ...many('--dry-run', '--dry', '--pretend'),
  },
  stop: { ...many('--now', '-f', '--force', '-9', '--kill', '--hard') },
  daemon: {
    ...many('--detach', '-d', '-D', '--background', '--daemonize', '--daemon', '--fork'),
    ...many('--http 127.0.0.1:', '--port'),
    ...many('--http', '--listen', '--bind', '--address'),
    ...many('--workers', '--concurrency', '-c', '-w', '--threads', '--processes', '--max-workers'),
    ...many('--until-idle', '--once', '--exit', '--burst', '--stop-when-empty'),
    ...many('--log', '--log-file', '--logfile', '-l'),
    ...many('', '--watch', '--foreground', '-f'),
  },
  web: {
    ...many(
      'The daemon serves the page: jobrun daemon --http 127.0.0.1:9464',
      '--port',
      '--host',
      '--listen',
    ),
    ...many('--print', '--no-open', '--no-browser'),
  },
  pause: { ...many('', '--all', '-a') },
  resume: { ...many('', '--all', '-a') },
  new: {
    ...many('', '--ts', '--typescript'),
    ...many('--js', '--javascript'),
    ...many('--sh', '--bash', '--shell'),
  },
};

/** The line with the option that was meant, for a refusal that names one which is not there. */
export function optionGuess(command: string, rest: Line, message: string): Guess {
  const [, flag = ''] = /^unknown option '([^'=]+)/.exec(message) ?? [];
  const at = rest.findIndex((word) => word === flag || word.startsWith(`${flag}=`));
  if (at < 0) return null;
  if (command === 'run' && DETACHED.includes(flag) && !isJson(rest[at + 1]))
    return ['schedule', ...without(rest, at)];
  const own = OF_COMMANDS[command];
  const swap = own && Object.hasOwn(own, flag) ? own[flag] : EVERYWHERE[flag];
  if (swap === undefined) return null;
  if (/^[A-Z]/.test(swap)) return swap;
  return [command, ...swapped(rest, at, swap)];
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
