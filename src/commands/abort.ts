// `jobrun abort`: ends runs, and answers when they are really over. A run that has not started is settled at once. A
// running attempt is the daemon's to end, and its answer comes when nothing of it lives any more.
import { isHeldOutside } from '../run/external.ts';
import { isOfState } from '../run/refusal.ts';
import { type Run, UNSETTLED } from '../run/run.ts';
import { abortIdle } from '../run/transitions.ts';
import type { RunView } from '../run/view.ts';
import { showDuration } from '../support/durations.ts';
import { JobrunError } from '../support/errors.ts';
import { list } from './list.ts';
import { BY_FILTER, eachMatching, isByFilter, type Matched } from './shared/by-filter.ts';
import type { CallOther, Command, Context } from './shared/command.ts';
import { duration, job, runs, text } from './shared/kinds.ts';
import { getRun, refuseUnknownJob } from './shared/named.ts';
import { argument, flag, option, shellFlag, wrong } from './shared/options.ts';
import { paintState } from './shared/output.ts';
import type { Aborted, Refused, Status } from './shared/replies.ts';
import { countsText, each, eachGiven, idsOf, isRefused, showRefused } from './shared/several.ts';
import { noDaemon } from './shared/waiting.ts';
import { status } from './status.ts';

interface Reply {
  readonly results: readonly (Aborted | Refused)[];
}

const MAX_REASON = 1000;
const MOST_ASKED = 1000;

const options = {
  ids: argument('[id...]', runs(UNSETTLED), 'runs to abort'),
  graceMs: option('--grace <duration>', duration, 'time to clean up before the process is killed'),
  force: shellFlag('--force', 'kill at once'),
  reason: option('--reason <text>', text(MAX_REASON), 'a reason, kept with the run'),
  job: option('--job <job>', job, 'every run of this job that has not finished'),
  all: flag('--all', 'every run that has not finished'),
  yes: shellFlag('-y, --yes', 'do not ask'),
  ...BY_FILTER,
};

export const abort: Command<typeof options, Reply, Matched> = {
  name: 'abort',
  once: true,
  about: 'End runs, and wait until all their processes have ended.',
  examples: [
    'abort 12',
    'abort 12 13 --grace 30s --reason "wrong file"',
    'abort --job import-products',
  ],
  options,

  async ask(request, { typed, confirm }) {
    const { ids, job, all } = request;
    if ([ids, job, all].filter((one) => one !== undefined).length !== 1) {
      const hint = 'For example: jobrun abort 12';
      throw new JobrunError('bad-option', 'give one of: ids, --job, --all', hint);
    }
    if (all && !(await confirm(askHowMany))) {
      throw new JobrunError('interrupted', 'nothing was aborted', 'Say yes, or give -y.');
    }
    return typed.force ? { ...request, graceMs: 0 } : request;
  },

  async handle({ ids, job, all, ...asked }, context) {
    const { reason = 'aborted on request', graceMs = null } = asked;
    const act = (id: number): Promise<Aborted> => abortOne(id, reason, graceMs, context);
    if (ids) return { results: await eachGiven(ids, act) };
    // The stream does it.
    if (isByFilter(asked)) return { results: [] };
    if (job === undefined && !all) throw wrong('ids', 'a list of ids');
    if (job !== undefined) await refuseUnknownJob(job, context);
    const jobs = job === undefined ? {} : { jobs: [job] };
    const results = await each(await idsOf({ states: UNSETTLED, ...jobs }, context), act);
    return { results: results.filter((result) => !isRefused(result) || !isOver(result)) };
  },

  follows: isByFilter,

  stream(request, context, signal) {
    const { reason = 'aborted on request', graceMs = null } = request;
    const act = async (id: number): Promise<object> => {
      try {
        return await abortOne(id, reason, graceMs, context);
      } catch (error) {
        if (error instanceof JobrunError && isOfState(error)) return {};
        throw error;
      }
    };
    return eachMatching(request, UNSETTLED, () => act, context, signal);
  },

  async waitsFor({ ids, job, all }, call, { config }) {
    const request = { state: ['running'], limit: MOST_ASKED, ...(job !== undefined && { job }) };
    const { runs } = (await call(list as Command, request)) as {
      readonly runs: readonly RunView[];
    };
    const asked = new Set<unknown>(ids?.map(String));
    const isAsked = ({ id }: RunView): boolean =>
      all === true || job !== undefined || asked.has(id);
    const elsewhere = runs.flatMap((run) => (isAsked(run) ? hostOf(run) : []));
    const hosts = [...new Set(elsewhere)].filter((host) => host !== config.host);
    return hosts.length === 0 ? null : `waiting for ${hosts.join(', ')} to end what it runs`;
  },

  show({ results }, out) {
    const aborted = results.filter((result): result is Aborted => !isRefused(result));
    const ids = aborted.map(({ id }) => id);
    if (!out.done({ results }, ids)) {
      for (const { id, state, tookMs } of aborted) {
        out.line`${id} ${paintState(state)} after ${showDuration(tookMs)}`;
      }
      if (aborted.length > 1) out.note`${summary(aborted)}`;
      if (results.length === 0) out.note`nothing to abort`;
    }
    return showRefused(results, out);
  },
};

async function askHowMany(call: CallOther): Promise<string> {
  const { counts } = (await call(status as Command, {})) as Status;
  return `Abort ${countsText(UNSETTLED.map((state) => [state, counts[state]]))}?`;
}

/** `5 runs: 4 aborted, 1 done`: one may have ended by itself meanwhile. */
function summary(all: readonly Aborted[]): string {
  const states = [...new Set(all.map(({ state }) => state))];
  const counts = states.map(
    (name) => [name, all.filter(({ state }) => state === name).length] as const,
  );
  return countsText(counts);
}

/** A program outside has none: its run is over at once. */
const hostOf = ({ worker }: RunView): string[] =>
  worker !== null && 'host' in worker && worker.host ? [worker.host] : [];

/** A run that ended by itself meanwhile is what was asked for. */
const isOver = ({ error }: Refused): boolean => isOfState(error);

async function abortOne(
  id: number,
  reason: string,
  graceMs: number | null,
  context: Context,
): Promise<Aborted> {
  const began = context.clock.monotonic();
  const run = await abortRun(id, reason, graceMs, context);
  const tookMs = Math.round(context.clock.monotonic() - began);
  return { id: String(id), state: run.state.name, tookMs };
}

async function abortRun(
  id: number,
  reason: string,
  graceMs: number | null,
  context: Context,
): Promise<Run> {
  if (context.daemon) return context.daemon.abort(id, reason, graceMs);
  const run = await getRun(id, context);
  if (run.state.name !== 'running' || isHeldOutside(run))
    return context.engine.change(id, (idle) => abortIdle(idle, reason, context.clock.now()));
  if (context.abortOrphan) return context.abortOrphan(id, reason, graceMs);
  throw noDaemon(`aborting run ${id}, which runs,`);
}
