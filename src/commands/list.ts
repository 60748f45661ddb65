// `jobrun list`: runs, newest first; where only settled states are asked for, the last settled first.
import type { Query } from '../engine/engine.ts';
import { isSettledName, STATE_NAMES } from '../run/run.ts';
import type { RunView } from '../run/view.ts';
import { showDuration } from '../support/durations.ts';
import { type ErrorShape, errorFromShape, exitCodeOf } from '../support/errors.ts';
import { count as counted } from '../support/text.ts';
import { retryText } from './board-rows.ts';
import type { Command, Tools } from './shared/command.ts';
import { lastAlive, tookMs } from './shared/follow.ts';
import { count, job, since, states, text } from './shared/kinds.ts';
import { type Checked, field, flag, option, optionOr } from './shared/options.ts';
import { type Output, paintState, type Value } from './shared/output.ts';
import { showRelative } from './shared/times.ts';
import { viewsOf } from './shared/views.ts';
import { watched } from './shared/waiting.ts';

export interface Listed {
  readonly total: number;
  readonly runs: readonly RunView[];
  /** What could not be read; left out where all could. */
  readonly damage?: readonly ErrorShape[];
}

/** A longer list is asked for in parts: it would hold up everybody else's requests. */
const MAX_LIMIT = 10_000;

const options = {
  states: option('--state <states>', states(), `one or several of ${STATE_NAMES.join(', ')}`),
  job: option('--job <job>', job, 'of this job'),
  group: option('--group <group>', text(1000), 'of the jobs of this group'),
  key: option('--key <text>', text(1000), 'with this key'),
  since: option(
    '--since <time>',
    since,
    'accepted since then: 2h, 22:00, yesterday, monday, 2026-11-01',
  ),
  limit: optionOr('--limit <n>', count(0, MAX_LIMIT), 'at most so many', 50),
  offset: optionOr('--offset <n>', count(0), 'leave out the first ones', 0),
  watch: flag('--watch', 'show it again at each change'),
  /** A part of the job's name, the key or the error. */
  text: field(text(1000)),
};

type Request = Checked<typeof options>;

export const list: Command<typeof options, Listed, Listed> = {
  name: 'list',
  reads: true,
  about: 'List runs, newest first. With settled states only (--state), the last settled first.',
  examples: [
    'list --state running,queued',
    'list --job import-products --since 2d --json',
    'list --since yesterday',
    'list --watch',
  ],
  options,

  handle: listed,

  follows: (request) => request.watch === true,

  stream: (request, tools, signal, first) =>
    watched(first, () => listed(request, tools), tools, signal),

  showItem(listed, out) {
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

async function queryOf(request: Request, tools: Tools): Promise<Query> {
  const { states, key, text, since, offset, limit } = request;
  const jobs = await jobsOf(request, tools);
  return {
    ...(states && { states, ...(states.every(isSettledName) && { order: 'settled' }) }),
    ...(jobs && { jobs }),
    ...(key !== undefined && { key }),
    ...(text !== undefined && { text }),
    ...(since !== undefined && { since }),
    offset,
    limit,
  };
}

async function jobsOf({ job, group }: Request, tools: Tools): Promise<readonly string[] | null> {
  if (group === undefined) return job === undefined ? null : [job];
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
      out.note`${runs.length} of ${counted(total, 'run')}. More: --limit, --state`;
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
