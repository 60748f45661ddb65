// What a job emits: a run like any other, with the emitting run as its parent. The job need not exist yet.
import type { Tools } from '../commands/shared/command.ts';
import { draftsOf } from '../commands/shared/drafts.ts';
import { makeSchedule } from '../commands/shared/made-schedules.ts';
import { checked } from '../commands/shared/options.ts';
import { requestFromCode, SCHEDULE } from '../commands/shared/run-options.ts';
import { JobrunError } from '../support/errors.ts';
import type { Json } from '../support/json.ts';

/** Resolves with the id of the run, or the name of the schedule, when it is durable. */
export async function emit(
  tools: Tools,
  parent: number,
  job: string,
  params: Json,
  options: Json,
): Promise<string> {
  const now = tools.clock.now();
  const request = checked(SCHEDULE, requestFromCode(job, params, options));
  if (request.everyMs !== undefined || request.cron !== undefined) {
    const { name } = await makeSchedule(request, tools, now);
    return name;
  }
  const [draft] = await draftsOf([request], tools, now, parent);
  if (draft === undefined || draft instanceof JobrunError) throw draft;
  const [accepted] = await tools.engine.accept([draft], now);
  return String(accepted?.run.id);
}
