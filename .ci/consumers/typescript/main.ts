// A program of a user's in strict TypeScript: what the package exports is of the types that it says.
import {
  type Aborted,
  type Accepted,
  connect,
  defineJob,
  FatalError,
  type JobContext,
  JobrunError,
  type Json,
  type Refused,
  RetryAt,
  type RunEndedError,
  type RunView,
  type ScheduleView,
  startDaemon,
} from 'jobrun';
import { type JobResult, runJob } from 'jobrun/testing';

export const job = defineJob({
  retries: { limit: Infinity, delay: '1s' },
  async run({ n }: { n: number }, ctx: JobContext) {
    if (n < 0) throw new FatalError('never');
    if (ctx.attempt > 99) throw new RetryAt('15m', 'later');
    await ctx.save({ n });
    return n * 2;
  },
  onDone: (output, ctx) => ctx.log.info(`${output.toFixed(1)}`),
});

const tried: JobResult<number> = await runJob(job, { n: 4 });
if (tried.output?.toFixed(1) !== '8.0' || tried.saved.length !== 1) throw tried.error;

const daemon = await startDaemon({ workers: 1, drain: '5s' });
const jobs = await connect();
try {
  const run: Accepted = await jobs.schedule('double', { n: 21 }, { priority: 2, key: 'k' });
  const output: Json = await jobs.result(run.id);
  const schedule: ScheduleView = await jobs.schedule('double', { n: 1 }, { cron: '@daily' });
  const made = await jobs.scheduleMany([{ job: 'double', params: { n: 2 } }]);
  const first = made[0];
  if (first instanceof JobrunError || first === undefined) throw first;
  const failed: RunView = await jobs.schedule('double', { n: -1 });
  const code = await jobs.result(failed.id).then(
    () => 'none',
    (error: RunEndedError) => `${error.code} ${error.run.state}`,
  );
  const ended: readonly (Aborted | Refused)[] = (await jobs.abort([run.id, failed.id])).results;
  const refused = ended.flatMap((one) => ('error' in one ? [one.error.code] : []));
  for await (const event of jobs.events({ since: 0 })) {
    if (event.type === 'gap') break;
    if (event.type === 'run.settled' && event.run.id === failed.id) break;
  }
  // @ts-expect-error a run has no such field
  void first.nothing;
  // @ts-expect-error an id is a text
  void (() => jobs.get(12));
  console.log(JSON.stringify({ output, cron: schedule.cron, code, refused }));
} finally {
  await jobs.close();
  await daemon.stop();
}
