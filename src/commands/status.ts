// `jobrun status`: whether a daemon runs, and what it is at.
import type { Watch } from '../catalog/watcher.ts';
import type { SeenWorker } from '../engine/members.ts';
import { isoOf } from '../support/clock.ts';
import { showDuration } from '../support/durations.ts';
import { textWidth } from '../support/graphemes.ts';
import { STATUS_ANSWER_MS } from '../support/limits.ts';
import { plainLine, showMegabytes } from '../support/text.ts';
import type { Command, Context } from './shared/command.ts';
import { hostViews, seenWorkers } from './shared/hosts.ts';
import { jobNames } from './shared/job-views.ts';
import { field, yesOrNo } from './shared/options.ts';
import { paint } from './shared/output.ts';
import type { ExternalWorkerView, HostView, Overview, Status } from './shared/replies.ts';
import { throughputOf } from './shared/throughput.ts';
import { instantOf } from './shared/times.ts';
import { version } from './version.ts';

const NO_DAEMON = 4;

const options = {
  overview: field(
    yesOrNo,
    'also the number of jobs and schedules, and how many runs ended in each of the last minutes',
  ),
};

export const status: Command<typeof options, Status> = {
  name: 'status',
  reads: true,
  withoutDaemon: true,
  answerMs: STATUS_ANSWER_MS,
  about: 'Show whether a daemon runs, and its workers and runs. Exits with 4 if none does.',
  examples: ['status', 'status --json | jq .counts'],
  options,

  async handle({ overview }, context) {
    const { daemon, config, engine, catalog } = context;
    const { all, jobs } = await engine.pauses();
    const hosts = await hostViews(context);
    const alive = hosts.filter(({ state }) => state === 'alive');
    const sum = (of: 'busy' | 'total'): number =>
      alive.reduce((total, { workers }) => total + workers[of], 0);
    return {
      running: alive.length > 0,
      pid: daemon?.pid ?? null,
      since: daemon ? isoOf(daemon.since) : null,
      version: version(),
      dir: config.dir,
      jobs: config.jobs,
      state: config.state,
      host: config.host,
      engine: config.store?.shown ?? 'json',
      hosts,
      workers: { busy: sum('busy'), total: sum('total') },
      counts: await engine.counts(),
      broken: catalog.all().flatMap((job) => (job.state === 'broken' ? [job.name] : [])),
      memory: await engine.memoryUse(),
      paused: { all, jobs: [...jobs].sort() },
      http: daemon?.http() ?? null,
      watch: daemon?.watch() ?? null,
      external: (await seenWorkers(context)).map(externalView),
      ...(overview && { overview: await overviewOf(context) }),
    };
  },

  show(status, out) {
    const { running, pid, since, workers, broken, paused, hosts = [] } = status;
    if (!out.done(status, pid === null ? [] : [String(pid)])) {
      const up = since === null ? '' : showDuration(Math.max(0, out.now - instantOf(since)));
      if (pid !== null)
        out.line`${paint('green', 'running')}   pid ${pid}   up ${up}   version ${status.version}`;
      else if (running) out.line`${paint('yellow', 'running elsewhere')}`;
      else out.line`${paint('yellow', 'not running')}`;
      out.line`jobs      ${status.jobs}`;
      out.line`state     ${status.state}`;
      if (status.engine !== undefined && status.engine !== 'json') {
        out.line`store     ${status.engine}`;
        for (const text of aligned(hosts.map(hostCells))) out.line`host      ${text}`;
      }
      if (running) out.line`workers   ${workers.busy} of ${workers.total} busy`;
      const counts = Object.entries(status.counts).filter(([, n]) => n > 0);
      out.line`runs      ${counts.map(([state, n]) => `${n} ${state}`).join(', ') || 'none'}`;
      // A daemon of the version before does not say.
      const { memory } = status;
      const { bytes = 0, limit = null } = memory ?? {};
      if (running && limit !== null)
        out.line`memory    ${showMegabytes(bytes)} of ${showMegabytes(limit)} taken by runs`;
      if (broken.length > 0) out.line`broken    ${broken.join(', ')}`;
      // A daemon of the version before may still answer.
      if (paused?.all) out.line`paused    all jobs`;
      else if (paused?.jobs.length) out.line`paused    ${paused.jobs.join(', ')}`;
      // The same.
      if (status.http) out.line`http      ${status.http}`;
      const outside = (status.external ?? []).map((one) => outsideCells(one, out.now));
      for (const text of aligned(outside)) out.line`outside   ${text}`;
      const watch = watchText(status.watch);
      if (watch !== null) out.line`watch     ${watch}`;
      if (!running) out.note`start it: jobrun daemon`;
    }
    return running ? undefined : NO_DAEMON;
  },
};

/** One line for each, with what belongs together below one another. */
function aligned(rows: readonly (readonly string[])[]): readonly string[] {
  const widths = (rows[0] ?? []).map((_, i) =>
    Math.max(...rows.map((row) => textWidth(row[i] ?? ''))),
  );
  const padded = (cell: string, i: number): string =>
    cell + ' '.repeat((widths[i] ?? 0) - textWidth(cell));
  return rows.map((row) => row.map(padded).join('   ').trimEnd());
}

function hostCells({ host, pid, workers, state, silentMs }: HostView): readonly string[] {
  const silent = state === 'silent' ? `silent for ${showDuration(silentMs)}` : '';
  return [plainLine(host), `pid ${pid}`, `${workers.busy} of ${workers.total} busy`, silent];
}

const externalView = (seen: SeenWorker): ExternalWorkerView => ({
  ...seen,
  seenAt: isoOf(seen.seenAt),
});

function outsideCells(
  { name, jobs, seenAt, running }: ExternalWorkerView,
  now: number,
): readonly string[] {
  const ago = showDuration(Math.max(0, now - instantOf(seenAt)));
  return [plainLine(name), `${running} running`, `heard ${ago} ago`, plainLine(jobs.join(', '))];
}

const overviewOf = async (context: Context): Promise<Overview> => ({
  jobs: (await jobNames(context)).length,
  schedules: (await context.engine.schedules()).length,
  throughput: await throughputOf(context),
});

/** Null where there is nothing to say. A daemon of the version before says nothing. */
function watchText(watch: Watch | null | undefined): string | null {
  if (!watch || watch.by === 'events') return null;
  return watch.problem ?? 'off: changes of job files are read with jobrun reload';
}
