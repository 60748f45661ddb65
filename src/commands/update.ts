// `jobrun update`: changes a run that has not started.
import { isDeepStrictEqual } from 'node:util';
import type { Run } from '../run/run.ts';
import { type Changes, update as updated } from '../run/transitions.ts';
import type { RunView } from '../run/view.ts';
import { JobrunError } from '../support/errors.ts';
import type { Json } from '../support/json.ts';
import { isFields } from '../support/schema.ts';
import { showTime } from './shared/clock-texts.ts';
import type { Command, Context } from './shared/command.ts';
import { checkedParams, dueOf } from './shared/drafts.ts';
import { findJob } from './shared/job-lookup.ts';
import { run as aRun } from './shared/kinds.ts';
import { getRun } from './shared/named.ts';
import { argument, type Checked, field, option, shellFlag, yesOrNo } from './shared/options.ts';
import { tellTextNote, textNoteOf, withTexts } from './shared/params.ts';
import type { TextNote } from './shared/replies.ts';
import { askRun, NOTE, PARAMS, priority, TIMES } from './shared/run-options.ts';
import { instantOf } from './shared/times.ts';
import { viewRun } from './shared/views.ts';

const options = {
  id: argument('<id>', aRun(['scheduled', 'waiting', 'queued']), 'the run'),
  ...TIMES,
  now: shellFlag('--now', 'make it due now'),
  ...PARAMS,
  priority: option('--priority <n>', priority, 'higher runs first'),
  merge: field(yesOrNo, 'add these params to those of the run'),
  note: NOTE,
};

type Request = Checked<typeof options>;

export const update: Command<typeof options, RunView & TextNote> = {
  name: 'update',
  once: true,
  about: 'Change a run that has not started.',
  examples: ['update 12 --at "tomorrow 9:00"', 'update 12 --now -p file=summer.csv'],
  options,

  async ask(request, asked) {
    const given = await askRun(request, asked, asked.typed.now);
    const changed = [given.dueAt, given.inMs, given.params, given.texts, request.priority];
    if (changed.every((one) => one === undefined)) {
      const hint = 'For example: jobrun update 12 --at 18:30';
      throw new JobrunError('bad-option', 'nothing was given to change', hint);
    }
    return { ...request, ...given, merge: asked.typed.params === undefined };
  },

  async handle(request, context) {
    const next = await changed(request, context);
    return { ...(await viewRun(next, context)), ...textNoteOf(next.job, request.texts, context) };
  },

  async show(reply, out, { note, inMs, timezone = out.timezone }) {
    const run = tellTextNote(reply, out);
    if (note) out.note`note: ${note}`;
    if (out.done(run, [run.id])) return undefined;
    out.line`Updated ${run.job} ${run.id}`;
    // `--in 5m` is five minutes from the request, also if the reply took its time.
    const now = inMs === undefined ? out.now : instantOf(run.dueAt) - inMs;
    out.line`  runs ${await showTime(run.dueAt, { now, timezone })}`;
    return undefined;
  },
};

/** Added params are checked together with them. If they were changed meanwhile, it is added to those instead. */
async function changed(request: Request, context: Context): Promise<Run> {
  for (;;) {
    const { id } = request;
    const run = await getRun(id, context);
    const now = context.clock.now();
    updated(run, {}, now);
    const changes = { ...timeOf(request, now), ...(await paramsOf(request, run, context)) };
    const isAdded = request.merge === true && changes.params !== undefined;
    let isOutdated = false;
    const next = await context.engine.change(id, (present) => {
      isOutdated = isAdded && !isDeepStrictEqual(present.params, run.params);
      return isOutdated ? present : updated(present, changes, now);
    });
    if (!isOutdated) return next;
  }
}

function timeOf(request: Request, now: number): Changes {
  const { priority } = request;
  const due = dueOf(request, now) ?? {};
  return { ...due, ...(priority !== undefined && { priority }) };
}

/** `-p` alone changes those params and keeps the others. */
async function paramsOf(request: Request, run: Run, context: Context): Promise<Changes> {
  const { params, texts, merge } = request;
  if (params === undefined && texts === undefined) return {};
  const entry = await findJob(run.job, context.catalog);
  const schema = entry?.state === 'ok' ? entry.data.schema : null;
  const base = merge ? merged(run.params, params ?? {}) : (params ?? {});
  const whole = texts === undefined ? base : withTexts(base, texts, schema);
  return checkedParams(run.job, whole, context.catalog);
}

const merged = (present: Json, added: Json): Json =>
  isFields(present) && isFields(added) ? { ...present, ...added } : added;
