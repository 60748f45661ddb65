// How a worker outside ends an attempt: with a result, a failure, a call-back, or because a result will come from
// elsewhere. The run goes on, or ends, as after any other attempt. No commands of their own: docs/workers.md tells how
// programs ask for them over HTTP.
import type { Outcome } from '../run/outcome.ts';
import type { RunView } from '../run/view.ts';
import { waitOf } from '../run/waits.ts';
import { checkJson, type Json } from '../support/json.ts';
import { isFields } from '../support/schema.ts';
import { lease } from './lease.ts';
import type { Command, Context } from './shared/command.ts';
import { duration, instant, json, text } from './shared/kinds.ts';
import { argument, field, needed, take, wrong } from './shared/options.ts';
import { viewRun } from './shared/views.ts';
import { noDaemon } from './shared/waiting.ts';

const LEASE = argument('<lease>', lease, 'the lease');
const MAX_MESSAGE = 64 * 1024;

const base = {
  examples: [],
  about: 'The end of an attempt of a worker outside.',
  show: () => undefined,
};

const done = { lease: LEASE, output: field(json, 'the output of the run; default: null') };

export const leaseDone: Command<typeof done, RunView> = {
  ...base,
  name: 'lease-done',
  options: done,
  async handle({ lease, output = null }, context) {
    checkJson(output, 'the values of the output');
    return end(lease, { kind: 'returned', output }, context);
  },
};

const failed = {
  lease: LEASE,
  message: needed(text(MAX_MESSAGE), 'what went wrong'),
  name: field(text(200), 'the kind of error; default: Error'),
  stack: field(text(MAX_MESSAGE), 'where'),
  retry: field(
    json,
    'false: not again; {"in": "5m"} or {"at": "…"}: again then; default: as the job says',
  ),
};

export const leaseFailed: Command<typeof failed, RunView> = {
  ...base,
  name: 'lease-failed',
  options: failed,
  async handle({ lease, message, name = 'Error', stack = '', retry }, context) {
    const error = { name, message, stack };
    return end(lease, { kind: 'threw', error, ...retryOf(retry, context) }, context);
  },
};

const callback = {
  lease: LEASE,
  in: needed(duration, 'how long to wait'),
  save: field(json, 'the checkpoint: the next attempt gets it'),
  output: field(json, 'shown until the run is settled'),
};

export const leaseCallback: Command<typeof callback, RunView> = {
  ...base,
  name: 'lease-callback',
  options: callback,
  async handle({ lease, in: ms, save, output }, context) {
    if (save !== undefined) checkJson(save, 'the values of save');
    if (output !== undefined) checkJson(output, 'the values of the output');
    const due = waitOf(context.clock.now(), ms);
    const again = { kind: 'callback', ...due, ...(output !== undefined && { output }) } as const;
    return end(lease, again, context, save);
  },
};

const pending = { lease: LEASE };

export const leasePending: Command<typeof pending, RunView> = {
  ...base,
  name: 'lease-pending',
  options: pending,
  handle: ({ lease }, context) => end(lease, { kind: 'pending' }, context),
};

async function end(
  lease: string,
  outcome: Outcome,
  context: Context,
  save?: Json,
): Promise<RunView> {
  if (!context.daemon) throw noDaemon('the result of a worker');
  const ending = { lease, outcome, ...(save !== undefined && { save }) };
  return viewRun(await context.daemon.outside.end(ending), context);
}

function retryOf(
  retry: Json | undefined,
  { clock }: Context,
): Pick<Extract<Outcome, { kind: 'threw' }>, 'fatal' | 'decision'> {
  if (retry === undefined || retry === null || retry === true) return {};
  if (retry === false) return { fatal: true };
  const { in: wait, at, ...rest } = isFields(retry) ? retry : { none: true };
  if (Object.keys(rest).length > 0 || (wait === undefined) === (at === undefined))
    throw wrong('retry', 'false, {"in": "5m"} or {"at": "2026-12-01T18:30:00Z"}');
  if (wait === undefined) return { decision: { retryAt: take(instant.schema, at, 'retry.at') } };
  const { dueAt, waitMs } = waitOf(clock.now(), take(duration.schema, wait, 'retry.in'));
  return { decision: { retryAt: dueAt, ...(waitMs !== undefined && { waitMs }) } };
}
