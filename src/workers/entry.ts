// The code inside a worker process: it takes assignments and calls from the channel and answers them. This is the job's
// own world, so the system's clock may be used. A worker with nothing under way stays; with attempts under way the
// channel alone does not keep it alive, so that Node itself tells when nothing is left that could resolve.
import { join } from 'node:path';
import { type Outcome, STOP_SIGNALS } from '../run/outcome.ts';
import type { RunError } from '../run/run.ts';
import { systemClock } from '../support/clock.ts';
import { toJobrunError } from '../support/errors.ts';
import type { Json } from '../support/json.ts';
import { check, hook, inspect, next } from './calls.ts';
import { carryOut } from './carry-out.ts';
import { Channel } from './entry-channel.ts';
import { startLoader } from './loader.ts';
import {
  type Answer,
  type Assignment,
  type Call,
  type ToWorker,
  unreadyAnswer,
} from './messages.ts';
import { lacksOwnFile } from './own-files.ts';
import { captureOutput, RunScope, scopes } from './scope.ts';
import { toRunError } from './thrown.ts';
import { Traces } from './traces.ts';

const HUNG: RunError = {
  name: 'Error',
  message: 'the attempt ended with nothing left to wait for: its promise can never settle',
  stack: 'Error: the attempt ended with nothing left to wait for: its promise can never settle',
};

const active = new Map<number, RunScope>();
let calls = 0;
const channel = new Channel(receive);

function receive(message: ToWorker): void {
  switch (message.type) {
    case 'run':
      begin(message.assignment);
      break;
    case 'abort':
      active.get(message.run)?.abort(message.cause, message.reason);
      break;
    case 'answer':
      channel.answered(message.call, message.answer);
      break;
    case 'end':
      endOnSignal();
      break;
    default:
      answer(message);
  }
}

function begin(assignment: Assignment): void {
  const scope = new RunScope(assignment, channel, systemClock);
  active.set(assignment.run, scope);
  hold();
  scopes.run(scope, () => {
    carryOut(scope).then(
      (outcome) => finish(scope, outcome, outcome.kind === 'stopped'),
      (defect) => finish(scope, { kind: 'threw', error: toRunError(defect) }, true),
    );
  });
}

interface Finished {
  readonly run: number;
  readonly outcome: Outcome;
  readonly untrusted: boolean;
}

let finished: Finished[] = [];

function finish(scope: RunScope, outcome: Outcome, untrusted = false): void {
  if (scope.over) return;
  scope.flush();
  scope.over = true;
  active.delete(scope.run);
  // Node does not load again what could not be loaded once, although what it lacked may come.
  const unloaded =
    outcome.kind === 'threw' && (outcome.unloaded === true || outcome.lacks !== undefined);
  if (finished.length === 0) process.nextTick(report);
  finished.push({ run: scope.run, outcome, untrusted: untrusted || unloaded });
  hold();
}

/** Sends the outcomes of one turn, after one look at what they have left behind. */
function report(): void {
  const outcomes = finished;
  if (outcomes.length === 0) return;
  finished = [];
  const spoilt = traces.isSpoilt();
  // If other runs are there, it may be theirs.
  const left = active.size === 0 ? traces.look() : {};
  for (const { run, outcome, untrusted } of outcomes) {
    const traced = spoilt || untrusted ? { tainted: true as const } : left;
    channel.send({ type: 'outcome', run, outcome, ...traced });
  }
  channel.flush();
}

const hold = (): void => channel.hold(active.size === 0 || calls > 0);

function answer(message: Call & { readonly call: number }): void {
  calls++;
  hold();
  const give = (given: Answer): void => {
    calls--;
    hold();
    channel.send({ type: 'result', call: message.call, answer: given });
  };
  perform(message).then(
    // All of it is JSON: `caller` and `inspector` read it as such.
    (value) => give({ ok: true, value: value as Json }),
    (error) => give(answerOf(error)),
  );
}

function answerOf(error: unknown): Answer {
  const own = [error, (error as Error | null)?.cause].find(lacksOwnFile);
  if (own !== undefined) return unreadyAnswer(toRunError(own).message);
  const { code, message, hint } = toJobrunError(error);
  return { ok: false, code, message, hint };
}

function perform(message: Call & { readonly call: number }): Promise<unknown> {
  switch (message.type) {
    case 'inspect':
      channel.sendNow({ type: 'loading', call: message.call });
      return inspect(message, systemClock);
    case 'check':
      return check(message, systemClock);
    case 'next':
      return next(message, systemClock);
    case 'hook': {
      const scope = new RunScope(message.assignment, channel, systemClock);
      return scopes.run(scope, () => hook(message, scope));
    }
  }
}

/**
 * An error that nothing caught belongs to the run in whose context it arose; the process cannot be trusted after it.
 */
function uncaught(thrown: unknown): void {
  const scope = scopes.getStore() ?? only();
  const error = toRunError(thrown);
  if (!scope) process.stderr.write(`${error.stack}\n`);
  else if (!scope.over) finish(scope, { kind: 'threw', error }, true);
}

const only = (): RunScope | null => (active.size === 1 ? ([...active.values()][0] ?? null) : null);

/** Nothing is left that could resolve, unless the job listens for the abort: that can still come. */
function exhausted(): void {
  for (const scope of active.values()) {
    if (scope.awaitsAbort) channel.hold(true);
    else finish(scope, { kind: 'threw', error: HUNG });
  }
}

/**
 * A stop of everything (systemd, Ctrl-C passed on by a supervisor) reaches the workers too. It is the daemon's to
 * decide what becomes of them: until that says so they ignore it, as far as the job has no handlers of its own.
 */
const ignore = (): void => undefined;
for (const name of STOP_SIGNALS) process.on(name, ignore);

function endOnSignal(): void {
  for (const name of STOP_SIGNALS) process.off(name, ignore);
  // The one for which this was said may have been ignored already.
  if (process.listenerCount('SIGTERM') === 0) process.kill(process.pid, 'SIGTERM');
}

const { JOBRUN_STATE: state } = process.env;
startLoader(state ? join(state, 'cache') : null);
captureOutput(only);
process.on('uncaughtException', uncaught);
process.on('unhandledRejection', uncaught);
process.on('beforeExit', exhausted);
process.on('exit', () => {
  for (const scope of active.values()) scope.flush();
  report();
  channel.flush();
});
const traces = new Traces();
channel.send({ type: 'ready' });
