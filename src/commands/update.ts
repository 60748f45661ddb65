// `jobrun update`: changes a run that has not started.
import type { Run } from '../run/run.ts';
import { type Changes, update as updated } from '../run/transitions.ts';
import type { RunView } from '../run/view.ts';
import { JobrunError } from '../support/errors.ts';
import type { Json } from '../support/json.ts';
import type { Command, Tools } from './command.ts';
import { checkedParams, dueOf, findJob, getRun, MAX_PRIORITY } from './drafts.ts';
import { fieldsOf, optionalInteger, runId } from './fields.ts';
import { examples, paramOptions, timeOptions } from './help.ts';
import { readParams, type Texts, withTexts } from './params.ts';
import { type TextNote, tellTextNote, textNoteOf } from './text-params.ts';
import { readDue, readInteger, showTime, typedZone } from './times.ts';
import { viewRun } from './views.ts';

interface Request {
  readonly id: string;
  readonly dueAt?: number;
  readonly inMs?: number;
  readonly params?: Json;
  readonly texts?: Texts;
  /** Whether `params` are added to those of the run. */
  readonly merge?: boolean;
  readonly priority?: number;
  readonly note: string | null;
  readonly timezone: string;
}

export const update: Command<Request, RunView & TextNote> = {
  name: 'update',
  once: true,

  define(program) {
    program.argument('<id>', 'the run').description('Change a run that has not started.');
    timeOptions(program);
    program.option('--now', 'make it due now');
    paramOptions(program);
    program.option('--priority <n>', 'higher runs first');
    examples(program, 'update 12 --at "tomorrow 9:00"', 'update 12 --now -p file=summer.csv');
  },

  async ask({ args, options, config, now, readStdin }) {
    const timezone = typedZone({ options, config });
    const { due, note } = await readDue(options, { now, timezone });
    const given = await readParams(options, readStdin);
    const priority =
      options.priority === undefined
        ? {}
        : { priority: readInteger(options.priority, '--priority', -MAX_PRIORITY, MAX_PRIORITY) };
    const merge = options.params === undefined;
    if (Object.keys({ ...due, ...given, ...priority }).length === 0) {
      const hint = 'For example: jobrun update 12 --at 18:30';
      throw new JobrunError('bad-option', 'nothing was given to change', hint);
    }
    return { id: args[0] ?? '', ...due, ...given, ...priority, merge, note, timezone };
  },

  async handle(request, tools) {
    const next = await changed(runId(request.id), request, tools);
    tools.wake();
    return { ...(await viewRun(next, tools)), ...textNoteOf(next.job, request.texts, tools) };
  },

  async show(reply, out, { note, timezone }) {
    const run = tellTextNote(reply, out);
    if (note) out.note`note: ${note}`;
    if (out.done(run, [run.id])) return undefined;
    out.line`Updated ${run.job} ${run.id}`;
    out.line`  runs ${await showTime(run.dueAt, { now: out.now, timezone })}`;
    return undefined;
  },
};

/** What is added to params is checked with them. Where they were changed meanwhile, it is added to those instead. */
async function changed(id: number, request: Request, tools: Tools): Promise<Run> {
  for (;;) {
    const run = await getRun(id, tools);
    const now = tools.clock.now();
    updated(run, {}, now);
    const changes = { ...timeOf(request, now), ...(await paramsOf(request, run, tools)) };
    const isAdded = request.merge === true && changes.params !== undefined;
    let isOutdated = false;
    const next = await tools.engine.change(id, (present) => {
      isOutdated = isAdded && present.params !== run.params;
      return isOutdated ? present : updated(present, changes, now);
    });
    if (!isOutdated) return next;
  }
}

function timeOf(request: Request, now: number): Changes {
  const fields = fieldsOf(request);
  const due = dueOf(fields, now) ?? {};
  const priority = optionalInteger(fields, 'priority', -MAX_PRIORITY, MAX_PRIORITY);
  return { ...due, ...(priority !== undefined && { priority }) };
}

/** `-p` alone changes those params and keeps the others. */
async function paramsOf(request: Request, run: Run, tools: Tools): Promise<Changes> {
  const { params, texts, merge } = request;
  if (params === undefined && texts === undefined) return {};
  const entry = await findJob(run.job, tools.catalog);
  const schema = entry?.state === 'ok' ? entry.data.schema : null;
  const base = merge ? merged(run.params, params ?? {}) : (params ?? {});
  const whole = texts === undefined ? base : withTexts(base, texts, schema);
  return checkedParams(run.job, whole, tools.catalog);
}

function merged(present: Json, added: Json): Json {
  const isObject = (value: Json): value is { [key: string]: Json } =>
    value !== null && typeof value === 'object' && !Array.isArray(value);
  return isObject(present) && isObject(added) ? { ...present, ...added } : added;
}
