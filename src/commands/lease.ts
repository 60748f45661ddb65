// The messages of a worker outside about a run that it has: it lives, it is so far, and this is to be kept. Each
// message makes its lease last for longer. No command of its own: docs/workers.md tells how programs ask for it over
// HTTP.
import { LEASE } from '../run/external.ts';
import type { Draft, Progress, Run } from '../run/run.ts';
import { isoOf } from '../support/clock.ts';
import { JobrunError } from '../support/errors.ts';
import { checkJson, type Json } from '../support/json.ts';
import { MAX_BATCH } from '../support/limits.ts';
import * as schemas from '../support/schema.ts';
import { isFields } from '../support/schema.ts';
import type { Command, Context } from './shared/command.ts';
import { draftsOf } from './shared/drafts.ts';
import { duration, json } from './shared/kinds.ts';
import { argument, checked, field, fieldsOf, type Kind, wrong } from './shared/options.ts';
import type { SaidLine } from './shared/outside.ts';
import { requestFromCode, SCHEDULE } from './shared/run-options.ts';
import { noDaemon } from './shared/waiting.ts';

export interface LeaseState {
  /** The end of the time in which the worker may be silent. */
  readonly leaseUntil: string;
  /** Why the run was aborted; null while the worker is to go on. */
  readonly abort: string | null;
  /** The ids of the runs that it asked for. */
  readonly emitted: readonly string[];
}

/** A lease, as it was given. */
export const lease: Kind<string> = {
  schema: schemas.be(
    'a lease such as 12.1',
    (text) => typeof text === 'string' && LEASE.test(text),
  ),
  shape: { type: 'string', pattern: LEASE.source },
};

const LEVELS = ['debug', 'info', 'warn', 'error'] as const;

const many = (about: string): Kind<readonly Json[]> => ({
  schema: schemas.list(schemas.be<Json>('JSON', () => true)),
  shape: { type: 'array', items: { description: about } },
});

const options = {
  lease: argument('<lease>', lease, 'the lease'),
  progress: field(json, 'percent, or {"percent": 40, "text": "…"}'),
  log: field(many('a text, or {"level", "text", "fields"}'), 'lines for the log of the run'),
  save: field(json, 'the checkpoint: the next attempt gets it'),
  rows: field(many('any JSON'), 'rows for the result table; a field "error" marks one'),
  emit: field(
    many('{"job", "params", …} as in POST runs'),
    'runs to accept, with this one as parent',
  ),
  extend: field(duration, 'how long it may be silent from now'),
};

export const leaseMessage: Command<typeof options, LeaseState> = {
  name: 'lease',
  about: 'A message of a worker outside.',
  examples: [],
  options,

  async handle({ lease, progress, log = [], save, rows = [], emit = [], extend }, context) {
    if (!context.daemon) throw noDaemon('a message of a worker');
    if (save !== undefined) checkJson(save, 'the values of save');
    for (const row of rows) checkJson(row, 'the values of a row');
    const { leaseUntil, abort, emitted } = await context.daemon.outside.hear({
      ...{ lease, rows, log: log.map(lineOf), request: context.request },
      ...(progress !== undefined && { progress: progressOf(progress) }),
      ...(save !== undefined && { save }),
      ...(extend !== undefined && { extendMs: extend }),
      emit: (parent) => draftsFor(emit, parent, context),
    });
    return { leaseUntil: isoOf(leaseUntil), abort, emitted: emitted.map(String) };
  },

  show: () => undefined,
};

function progressOf(said: Json): Progress {
  const { percent, text = null } = isFields(said) ? said : { percent: said };
  if (typeof percent !== 'number' || !Number.isFinite(percent))
    throw wrong('progress', 'a number, or {"percent": 40, "text": "…"}');
  if (text !== null && typeof text !== 'string') throw wrong('progress.text', 'a text');
  return { percent: Math.min(100, Math.max(0, percent)), text };
}

function lineOf(said: Json): SaidLine {
  if (typeof said === 'string') return { level: 'info', text: said, fields: null };
  const { level = 'info', text, fields = null } = isFields(said) ? said : {};
  if (typeof text !== 'string')
    throw wrong('log', 'a list of texts, or of {"level", "text", "fields"}');
  const known = LEVELS.find((one) => one === level);
  if (!known) throw wrong('log.level', `one of ${LEVELS.join(', ')}`);
  checkJson(fields as Json, 'the fields of a line');
  return { level: known, text, fields: fields as Json };
}

/** If one is wrong, none of the message is accepted. */
async function draftsFor(
  asked: readonly Json[],
  parent: Run,
  context: Context,
): Promise<readonly Draft[]> {
  if (asked.length > MAX_BATCH) throw wrong('emit', `a list of at most ${MAX_BATCH}`);
  const requests = asked.map((one) => {
    const { job, params, ...given } = fieldsOf(one);
    return checked(SCHEDULE, requestFromCode(String(job ?? ''), params, given as Json, 'run'));
  });
  const drafts = await draftsOf(requests, context, context.clock.now(), parent);
  const bad = drafts.find((draft) => draft instanceof JobrunError);
  if (bad) throw bad;
  return drafts as readonly Draft[];
}
