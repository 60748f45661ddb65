// The check of params before a run is accepted: by JSON Schema here, or by the job's own code in a worker.
import { JobrunError } from '../support/errors.ts';
import type { Json } from '../support/json.ts';
import { fitTo } from '../support/json-schema.ts';
import { didYouMean } from '../support/text.ts';
import {
  type Catalog,
  type Checked,
  checksBySchema,
  checksParams,
  isBuiltIn,
  type JobData,
  type JobEntry,
} from './catalog.ts';

/** Checks params and makes their lock texts, in a worker. */
export type CheckInWorker = (file: string, params: readonly Json[]) => Promise<Checked[]>;

type Jobs = Pick<Catalog, 'all' | 'find' | 'reread'>;

/**
 * Gives each its params with defaults filled in, or what is wrong with it. Throws where the job is not there, or
 * broken.
 */
export async function checkParams(
  job: string,
  params: readonly Json[],
  jobs: Jobs,
  inWorker: CheckInWorker,
): Promise<Checked[]> {
  const entry = await soundJob(job, jobs);
  if (isBuiltIn(entry) || !checksParams(entry.data)) return asTheyAre(params);
  const { file, data } = entry;
  if (checksBySchema(data)) return checkBySchema(file, data, params, inWorker);
  try {
    return await inWorker(file, params);
  } catch (error) {
    if (!(error instanceof JobrunError) || error.code !== 'broken-job') throw error;
    // It was sound when it was read: what it lacked may be there now, or it is broken.
    await jobs.reread(job);
    const now = await soundJob(job, jobs);
    return isBuiltIn(now) ? asTheyAre(params) : inWorker(now.file, params);
  }
}

const asTheyAre = (params: readonly Json[]): Checked[] =>
  params.map((value) => ({ ok: true, params: value, lock: null }));

/** Only where a function makes a lock text of the params is job code asked. */
async function checkBySchema(
  file: string,
  { schema, has }: JobData,
  params: readonly Json[],
  inWorker: CheckInWorker,
): Promise<Checked[]> {
  const checked: Checked[] = [];
  for (const value of params) {
    const { value: made, issues } = fitTo(schema, value);
    if (issues.length > 0) checked.push({ ok: false, issues });
    else if (!has.has('lock')) checked.push({ ok: true, params: made, lock: null });
    else checked.push(...(await inWorker(file, [made])));
  }
  return checked;
}

async function soundJob(job: string, jobs: Jobs): Promise<Extract<JobEntry, { state: 'ok' }>> {
  const known = jobs.find(job);
  const entry = known?.state === 'broken' ? await jobs.reread(job) : known;
  if (entry?.state === 'ok') return entry;
  if (entry) {
    const message = `the job ${job} is broken: ${entry.error}`;
    throw new JobrunError('broken-job', message, 'Fix its file.');
  }
  const names = jobs.all().map(({ name }) => name);
  const hint = didYouMean(job, names, 'See `jobrun jobs`.');
  throw new JobrunError('unknown-job', `there is no job named ${job}`, hint);
}
