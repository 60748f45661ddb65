// The command line: words in, an exit code out. Code that only some commands need is loaded when they need it.
import { existsSync } from 'node:fs';
import { requestOf } from '../commands/dispatch.ts';
import type { Asked, CallOther, Command } from '../commands/shared/command.ts';
import { colorChoice, Output } from '../commands/shared/output.ts';
import { START_DAEMON } from '../commands/shared/waiting.ts';
import { systemClock } from '../support/clock.ts';
import { type Config, loadConfig } from '../support/config.ts';
import { exitCodeOf, JobrunError, toJobrunError } from '../support/errors.ts';
import { SECOND } from '../support/limits.ts';
import { newId } from '../support/random.ts';
import { misspeltVariables } from '../support/variables.ts';
import { type Backend, callAnywhere, openBackend, streamAnywhere } from './backend.ts';
import { asTyped } from './called-by.ts';
import { WORDS } from './entries.ts';
import { atDashes, type Parsed, parse } from './program.ts';
import { ASK_WORD } from './shells.ts';
import { confirmer, guardStdout, readStdin } from './terminal.ts';

/** Runs one command and ends the process. */
export async function main(argv: readonly string[]): Promise<void> {
  guardStdout((error) =>
    process.exit(
      report(
        error,
        outputFor(typedGenerals(argv), () => 'UTC'),
      ),
    ),
  );
  const code = argv[0] === ASK_WORD ? await answerShell(argv.slice(1)) : await run(argv);
  // A pipe may still have to take what was written.
  process.stdout.write('', () => process.exit(code));
}

/** A shell asks at each Tab: errors there print nothing into the line that the user types. */
async function answerShell(words: readonly string[]): Promise<number> {
  const { complete } = await import('./complete.ts');
  for (const line of await complete(words)) process.stdout.write(`${line}\n`);
  return 0;
}

async function run(argv: readonly string[]): Promise<number> {
  let out = outputFor(typedGenerals(argv), () => 'UTC');
  try {
    const parsed = await parse(argv);
    if (!parsed) return 0;
    out = outputFor(parsed.general, () => 'UTC');
    for (const line of misspeltVariables(process.env)) out.warn(line);
    const config = configOf(parsed);
    out = outputFor(parsed.general, () => config.timezone);
    return await perform(parsed, config, out);
  } catch (thrown) {
    return report(await answered(toJobrunError(thrown), argv), out);
  }
}

const GUESSED: ReadonlySet<string> = new Set(['bad-option', 'unknown-job', 'unknown-schedule']);

/** Prints the command that a user of another program's words may have meant. */
async function answered(error: JobrunError, argv: readonly string[]): Promise<JobrunError> {
  if (!GUESSED.has(error.code)) return error;
  const { withGuess } = await import('./guesses.ts');
  const { factsOf } = await import('./guess-facts.ts');
  return withGuess(error, argv, factsOf(argv));
}

function report(error: JobrunError, out: Output): number {
  out.error(error);
  return exitCodeOf(error.code);
}

/** How to print errors of words that could not be read. */
function typedGenerals(argv: readonly string[]): Parsed['general'] {
  const { before } = atDashes(argv);
  return {
    json: before.includes('--json'),
    verbose: before.includes('-v') || before.includes('--verbose'),
  };
}

function outputFor(general: Parsed['general'], timezone: () => string): Output {
  return new Output({
    get stdout() {
      return process.stdout;
    },
    get stderr() {
      return openStderr();
    },
    json: general.json === true,
    quiet: general.quiet === true,
    verbose: general.verbose === true,
    color: colorChoice(general.color),
    env: process.env,
    timezone,
    now: systemClock.now,
    asTyped: (text) => asTyped(text, process.env, WORDS),
  });
}

let heard = false;

/** A closed stderr is no reason to fail. */
function openStderr(): NodeJS.WriteStream {
  if (!heard) process.stderr.on('error', () => undefined);
  heard = true;
  return process.stderr;
}

function configOf({ command, general }: Parsed): Config {
  const { dir, stateDir } = general;
  const here = command.begins ? (process.env.JOBRUN_DIR ?? process.cwd()) : undefined;
  const options = {
    ...((dir ?? here) !== undefined && { dir: String(dir ?? here) }),
    ...(stateDir !== undefined && { stateDir: String(stateDir) }),
  };
  const config = loadConfig(options, process.env, process.cwd());
  if (command.begins || existsSync(config.dir)) return config;
  const hint = 'Check --dir and JOBRUN_DIR.';
  throw new JobrunError('bad-option', `there is no folder ${config.dir}`, hint);
}

async function perform(parsed: Parsed, config: Config, out: Output): Promise<number> {
  const { command, typed, general } = parsed;
  const confirm = confirmer(typed.yes === true, general.json === true, (other, request) =>
    callOnce(config, other, request),
  );
  const asked: Asked = { config, now: systemClock.now(), typed, general, readStdin, confirm };
  const request = await requestOf(command, asked);
  const done = (await command.local?.(request, asked)) ?? null;
  if (done !== null) return (await command.show(done, out, request)) ?? 0;
  if (command.runsLocally?.(request)) {
    const { runLocally } = await import('./local.ts');
    return runLocally(command, request, config, out, {
      verbose: general.verbose === true,
      color: colorChoice(general.color),
    });
  }
  const left: Left = { run: command.leaves?.(request, null) ?? null };
  const signal = endOnSignals(() => tellLeft(left, out));
  return withBackend(command, request, config, out, signal, left);
}

/** Nothing is held while a question waits for its answer. */
async function callOnce(config: Config, command: Command, request: object): Promise<unknown> {
  const backend = await openBackend(config, command, request);
  try {
    return await backend.call(command, request, newId());
  } finally {
    await backend.close();
  }
}

async function withBackend(
  command: Command,
  request: object,
  config: Config,
  out: Output,
  signal: AbortSignal,
  left: Left,
): Promise<number> {
  let backend = await openBackend(config, command, request);
  let code = 0;
  let told = false;
  const opened = (): void => {
    out.offline = backend.offline;
    out.aliveAt = backend.aliveAt;
    if (told || !backend.stalled || !command.reads || command.withoutDaemon) return;
    told = true;
    out.note`${STALLED}`;
  };
  opened();
  const next = async (daemonOnly = false): Promise<Backend> => {
    await backend.close();
    backend = await openBackend(
      config,
      daemonOnly ? { ...command, needsDaemon: START_DAEMON } : command,
      request,
    );
    opened();
    return backend;
  };
  const onLost = (): void => {
    told = true;
    out.note`the daemon went away: waiting for it to come back`;
  };
  try {
    for (const part of command.cut?.(request) ?? [request]) {
      if (command.stream && (command.follows?.(part) ?? true)) {
        const items = streamAnywhere(backend, command, part, { signal, next, onLost });
        for await (const item of items) {
          left.run = command.leaves?.(part, item) ?? left.run;
          code = (await command.showItem?.(item, out, part)) ?? code;
        }
        continue;
      }
      const undo = tellWait(command, part, (other, asked) => backend.call(other, asked, newId()), {
        config,
        out,
      });
      const reply = await callAnywhere(backend, command, part, next).finally(undo);
      code = Math.max(code, (await command.show(reply, out, part)) ?? 0);
    }
    return tellDamage(backend.damage, out) ?? code;
  } finally {
    out.progress(null);
    await backend.close();
  }
}

/** Says what takes long, while it does. Returns its undo. */
function tellWait(
  command: Command,
  request: object,
  call: CallOther,
  { config, out }: { readonly config: Config; readonly out: Output },
): () => void {
  if (!command.waitsFor) return () => undefined;
  const here = { config, now: systemClock.now() };
  let isOver = false;
  const tell = async (): Promise<void> => {
    const text = (await command.waitsFor?.(request, call, here)) ?? null;
    if (text !== null && !isOver) out.note`${text}`;
  };
  // If the daemon cannot be asked, nothing is printed: the call itself tells what is wrong.
  const undo = systemClock.after(SECOND, () => void tell().catch(() => undefined), { idle: true });
  return () => {
    isOver = true;
    undo();
  };
}

const STALLED = 'no daemon is running: nothing starts or goes on until one does (jobrun daemon)';

/** The readable part was printed; a warning says that it may not be all. */
function tellDamage(damage: readonly JobrunError[], out: Output): number | undefined {
  const [first] = damage;
  if (!first) return undefined;
  out.error(first);
  return exitCodeOf(first.code);
}

/** The run that goes on when this process is interrupted. */
interface Left {
  run: string | null;
}

function tellLeft({ run }: Left, out: Output): void {
  out.progress(null);
  if (run === null) return;
  out.note`Run ${run} continues. Follow: jobrun logs -f ${run}. Stop: jobrun abort ${run}`;
}

/** Nothing that a command has begun is lost with it, so that it can end at once. */
function endOnSignals(tell: () => void): AbortSignal {
  const controller = new AbortController();
  const end = (code: number): void => {
    controller.abort();
    tell();
    process.exit(code);
  };
  process.once('SIGINT', () => end(130));
  process.once('SIGTERM', () => end(143));
  return controller.signal;
}
