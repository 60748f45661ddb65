// Warnings of doctor about the jobs folder: files that were meant to be jobs, and notification rules for a job that has
// no file. Both do nothing, and say so nowhere else.
import { join } from 'node:path';
import { scanJobs } from '../catalog/loader.ts';
import { unfitIn } from '../catalog/unfit.ts';
import type { Finding } from '../engine/open.ts';
import { CONFIG_FILE, type Config } from '../support/config.ts';
import { JobrunError } from '../support/errors.ts';
import { didYouMean } from '../support/text.ts';
import { type NotifyRule, notifyRules } from './watching/notify-rules.ts';

export async function warningsOfJobs(config: Config): Promise<readonly Finding[]> {
  const unfit = (await unfitIn(config.jobs)).map(({ file, lacks }): Finding => {
    const message = `${file} is no job`;
    return { level: 'warning', file, message, hint: `It ${lacks}` };
  });
  return [...unfit, ...rulesForNothing(config)];
}

/** With a store, another host may have the job. */
function rulesForNothing(config: Config): readonly Finding[] {
  if (config.store) return [];
  const names = scanJobs(config.jobs).map(({ name }) => name);
  return rulesOf(config).flatMap(({ job }, i): Finding[] => {
    if (job === null || names.includes(job)) return [];
    const message = `notify[${i}] is for the job "${job}", which has no file`;
    const hint = didYouMean(job, names, 'See which there are: jobrun jobs');
    return [{ level: 'warning', file: join(config.dir, CONFIG_FILE), message, hint }];
  });
}

/** None where the rules are wrong: that is a problem of the config, and told there. */
function rulesOf(config: Config): readonly NotifyRule[] {
  try {
    return notifyRules(config);
  } catch (error) {
    if (error instanceof JobrunError) return [];
    throw error;
  }
}
