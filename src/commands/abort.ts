// `jobrun abort`: ends runs, and answers when they are really over. What has not started is settled at once; a
// running attempt is the daemon's to end, and its answer comes when nothing of it lives any more.
import { isOfState } from '../run/refusal.ts';
import { type Run, type StateName, UNSETTLED } from '../run/run.ts';
import { abortIdle } from '../run/transitions.ts';
import { parseDuration, showDuration } from '../support/durations.ts';
import { JobrunError } from '../support/errors.ts';
import type { Command, Tools } from './command.ts';
import { getRun } from './drafts.ts';
import { fieldsOf, jobName, optionalInteger, optionalText, runIds, wrong } from './fields.ts';
import { examples } from './help.ts';
import { paintState } from './output.ts';
import { refuseUnknownJob } from './pausing.ts';
import { noDaemon } from './settled.ts';
import { each, eachGiven, idsOf, isRefused, type Refused, showRefused } from './several.ts';

interface Request {
  readonly ids?: readonly string[];
  readonly job?: string;
  readonly all?: boolean;
  readonly graceMs?: number;
  readonly reason?: string;
}

/** Over, and how long that took. */
export interface Aborted {
  readonly id: string;
  readonly state: StateName;
  readonly tookMs: number;
}

interface Reply {
  readonly results: readonly (Aborted | Refused)[];
}

const MAX_REASON = 1000;

export const abort: Command<Request, Reply> = {
  name: 'abort',
  once: true,

  define(program) {
    program
      .argument('[id...]', 'runs to abort')
      .description('End runs; waits until they are over.');
    program
      .option('--grace <duration>', 'time to clean up before the process is killed')
      .option('--force', 'kill at once')
      .option('--reason <text>', 'kept with the run')
      .option('--job <job>', 'all runs of this job that are not settled')
      .option('--all', 'all runs that are not settled')
      .option('-y, --yes', 'do not ask');
    examples(
      program,
      'abort 12',
      'abort 12 13 --grace 30s --reason "wrong file"',
      'abort --job import-products',
    );
  },

  async ask({ args, options, confirm }) {
    const { job, all, grace, force, reason } = options;
    const chosen = [args.length > 0, job !== undefined, all === true].filter(Boolean).length;
    if (chosen !== 1) {
      const hint = 'For example: jobrun abort 12';
      throw new JobrunError('bad-option', 'give one of: ids, --job, --all', hint);
    }
    if (all === true && !(await confirm('Abort all runs that are not settled?'))) {
      throw new JobrunError('interrupted', 'nothing was aborted', 'Say yes, or give -y.');
    }
    const graceMs = force === true ? 0 : grace && parseDuration(String(grace), '--grace');
    return {
      ...(args.length > 0 && { ids: args }),
      ...(job !== undefined && { job: jobName(job) }),
      ...(all === true && { all }),
      ...(typeof graceMs === 'number' && { graceMs }),
      ...(reason !== undefined && { reason: String(reason) }),
    };
  },

  async handle(request, tools) {
    const fields = fieldsOf(request);
    const reason = optionalText(fields, 'reason', MAX_REASON) ?? 'aborted on request';
    const graceMs = optionalInteger(fields, 'graceMs', 0, Number.MAX_SAFE_INTEGER) ?? null;
    const act = (id: number): Promise<Aborted> => abortOne(id, reason, graceMs, tools);
    if (request.ids !== undefined) return { results: await eachGiven(runIds(request.ids), act) };
    if (request.job === undefined && request.all !== true) throw wrong('ids', 'a list of ids');
    if (request.job !== undefined) await refuseUnknownJob(jobName(request.job), tools);
    const jobs = request.job === undefined ? {} : { jobs: [request.job] };
    const results = await each(await idsOf({ states: UNSETTLED, ...jobs }, tools), act);
    return { results: results.filter((result) => !isRefused(result) || !isOver(result)) };
  },

  show({ results }, out) {
    const aborted = results.filter((result): result is Aborted => !isRefused(result));
    const ids = aborted.map(({ id }) => id);
    if (!out.done({ results }, ids)) {
      for (const { id, state, tookMs } of aborted) {
        out.line`${id} ${paintState(state)} after ${showDuration(tookMs)}`;
      }
      if (results.length === 0) out.note`nothing to abort`;
    }
    return showRefused(results, out);
  },
};

/** One that ended by itself meanwhile is what was asked for. */
const isOver = ({ error }: Refused): boolean => isOfState(error);

async function abortOne(
  id: number,
  reason: string,
  graceMs: number | null,
  tools: Tools,
): Promise<Aborted> {
  const began = tools.clock.monotonic();
  const run = await abortRun(id, reason, graceMs, tools);
  const tookMs = Math.round(tools.clock.monotonic() - began);
  return { id: String(id), state: run.state.name, tookMs };
}

async function abortRun(
  id: number,
  reason: string,
  graceMs: number | null,
  tools: Tools,
): Promise<Run> {
  if (tools.daemon) return tools.daemon.abort(id, reason, graceMs);
  const run = await getRun(id, tools);
  if (run.state.name !== 'running')
    return tools.engine.change(id, (idle) => abortIdle(idle, reason, tools.clock.now()));
  if (tools.abortOrphan) return tools.abortOrphan(id, reason);
  throw noDaemon(`aborting run ${id}, which runs,`);
}
