// `jobrun list`: runs, newest first; where only settled states are asked for, the last settled first.
import type { Query } from '../engine/engine.ts';
import { isSettledName, STATE_NAMES, type StateName } from '../run/run.ts';
import type { RunView } from '../run/view.ts';
import { showDuration } from '../support/durations.ts';
import { type ErrorShape, errorFromShape, exitCodeOf } from '../support/errors.ts';
import type { Json } from '../support/json.ts';
import { LAST_INSTANT } from '../support/limits.ts';
import { count } from '../support/text.ts';
import { retryText } from './board-rows.ts';
import type { Command, Tools } from './command.ts';
import { fieldsOf, jobName, notOneOf, optionalInteger, optionalText } from './fields.ts';
import { lastAlive, tookMs } from './follow.ts';
import { examples } from './help.ts';
import { type Output, paintState, type Value } from './output.ts';
import { readInteger, readSince, showRelative } from './times.ts';
import { viewsOf } from './views.ts';
import { watched } from './watch.ts';

interface Request {
  readonly states?: readonly StateName[];
  readonly job?: string;
  readonly group?: string;
  readonly key?: string;
  readonly since?: number;
  readonly text?: string;
  readonly offset?: number;
  readonly limit?: number;
  readonly watch?: boolean;
}

export interface Listed {
  readonly total: number;
  readonly runs: readonly RunView[];
  /** What could not be read; left out where all could. */
  readonly damage?: readonly ErrorShape[];
}

const DEFAULT_LIMIT = 50;
/** A longer list is asked for in parts: it would hold up everybody else's requests. */
const MAX_LIMIT = 10_000;

export const list: Command<Request, Listed> = {
  name: 'list',
  reads: true,

  define(program) {
    program.description(
      'List runs, newest first. With settled states only (--state), the last settled first.',
    );
    program
      .option('--state <states>', `one or several of ${STATE_NAMES.join(', ')}`)
      .option('--job <job>', 'of this job')
      .option('--group <group>', 'of the jobs of this group')
      .option('--key <text>', 'with this key')
      .option('--since <time>', 'accepted since then: 2h, 22:00, yesterday, monday, 2026-11-01')
      .option('--limit <n>', 'at most so many', String(DEFAULT_LIMIT))
      .option('--offset <n>', 'leave out the first ones', '0')
      .option('--watch', 'show it again at each change');
    examples(
      program,
      'list --state running,queued',
      'list --job import-products --since 2d --json',
      'list --since yesterday',
      'list --watch',
    );
  },

  async ask({ args: _, options, config, now }) {
    const { state, job, group, key, since, limit, offset, watch } = options;
    return {
      ...(state !== undefined && { states: readStates(String(state)) }),
      ...(job !== undefined && { job: jobName(job) }),
      ...(group !== undefined && { group: String(group) }),
      ...(key !== undefined && { key: String(key) }),
      ...(since !== undefined && {
        since: await readSince(String(since), { now, timezone: config.timezone }),
      }),
      limit: readInteger(limit, '--limit', 1, MAX_LIMIT),
      offset: readInteger(offset, '--offset', 0, Number.MAX_SAFE_INTEGER),
      ...(watch === true && { watch }),
    };
  },

  handle: listed,

  follows: (request) => request.watch === true,

  stream(request, tools, signal, first) {
    const again = async (): Promise<Json> => (await listed(request, tools)) as unknown as Json;
    return watched(first as unknown as Json, again, tools, signal);
  },

  showItem(item, out) {
    const listed = item as unknown as Listed;
    if (!out.json) out.clear();
    return showList(listed, out);
  },

  show: showList,
};

async function listed(request: Request, tools: Tools): Promise<Listed> {
  const { total, runs, damage = [] } = await tools.engine.list(await queryOf(request, tools));
  return {
    total,
    runs: await viewsOf(runs, tools),
    ...(damage.length > 0 && { damage: damage.map((error) => error.toJSON()) }),
  };
}

export function readStates(text: string, what = '--state'): readonly StateName[] {
  return text
    .split(',')
    .map((name) => name.trim())
    .map((name) => {
      if (STATE_NAMES.includes(name as StateName)) return name as StateName;
      throw notOneOf(what, name, STATE_NAMES);
    });
}

async function queryOf(request: Request, tools: Tools): Promise<Query> {
  const fields = fieldsOf(request);
  const jobs = await jobsOf(request, tools);
  const key = optionalText(fields, 'key', 1000);
  const text = optionalText(fields, 'text', 1000);
  const since = optionalInteger(fields, 'since', -LAST_INSTANT, LAST_INSTANT);
  const states = Array.isArray(request.states) && readStates(request.states.join(','), 'state');
  return {
    ...(states && { states, ...(states.every(isSettledName) && { order: 'settled' }) }),
    ...(jobs && { jobs }),
    ...(key !== undefined && { key }),
    ...(text !== undefined && { text }),
    ...(since !== undefined && { since }),
    offset: optionalInteger(fields, 'offset', 0, Number.MAX_SAFE_INTEGER) ?? 0,
    limit: optionalInteger(fields, 'limit', 0, MAX_LIMIT) ?? DEFAULT_LIMIT,
  };
}

async function jobsOf({ job, group }: Request, tools: Tools): Promise<readonly string[] | null> {
  if (group === undefined) return job === undefined ? null : [jobName(job)];
  await tools.catalog.ready();
  const inGroup = tools.catalog.all().flatMap((entry) => {
    const fits = entry.state === 'ok' && entry.data.group === group;
    return fits && (job === undefined || entry.name === job) ? [entry.name] : [];
  });
  return inGroup;
}

function showList(listed: Listed, out: Output): number | undefined {
  const { total, runs, damage = [] } = listed;
  const ids = runs.map(({ id }) => id);
  if (!out.done(listed, ids)) {
    showRuns(runs, out);
    if (total > runs.length)
      out.note`${runs.length} of ${count(total, 'run')}. More: --limit, --state`;
    else if (total === 0) out.note`no runs`;
  }
  for (const error of damage) out.error(errorFromShape(error));
  return damage[0] && exitCodeOf(damage[0].code);
}

export function showRuns(runs: readonly RunView[], out: Output): void {
  const columns = [
    { title: 'ID', right: true },
    { title: 'JOB' },
    { title: 'STATE' },
    { title: 'PROGRESS', flex: true },
    { title: 'WHEN' },
    { title: 'TOOK' },
  ];
  const now = out.now;
  out.table(
    columns,
    runs.map((run): Value[] => {
      const alive = lastAlive(run, out);
      const took = tookMs(run, alive === null ? now : undefined);
      return [
        run.id,
        run.job,
        paintState(run.state),
        alive === null ? progressOf(run) : `last known alive ${showRelative(alive, now)}`,
        showRelative(run.settledAt ?? whenOf(run), now),
        took === null ? '' : showDuration(took),
      ];
    }),
  );
}

const whenOf = (run: RunView): string =>
  run.state === 'running' ? (run.startedAt ?? run.dueAt) : run.dueAt;

function progressOf(run: RunView): string {
  switch (run.state) {
    case 'running':
      return `${Math.floor(run.progress.percent)}%${run.progress.text ? ` ${run.progress.text}` : ''}`;
    case 'failed':
      return run.error?.message ?? '';
    case 'done':
      return run.progress.text ?? '';
    case 'scheduled':
      return retryText(run, run.error !== null);
    case 'aborted':
    case 'queued':
    case 'waiting':
      return run.reason ?? '';
  }
}
