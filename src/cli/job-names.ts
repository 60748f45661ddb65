// The name of a job that is given by its definition: the path of the file in which `defineJob` was called, as the jobs
// folder gives names.
import { realpathSync } from 'node:fs';
import { relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type AnyJob, placeOf } from '../catalog/job.ts';
import { JobrunError, orElseSync } from '../support/errors.ts';

/**
 * Throws `bad-option` if the definition was not made by `defineJob` in a file of the jobs folder. Names stay as they
 * are.
 */
export function jobNameOf(job: string | AnyJob, jobs: string): string {
  // Any other word is refused as a name.
  if (typeof job !== 'object' || job === null) return job;
  const place = placeOf(job);
  if (place === undefined) throw unnamed('the job was not made by defineJob');
  const file = fileIn(place);
  const path = file === null ? null : relative(realOf(jobs), realOf(file));
  if (path === null || path.startsWith('..') || path.startsWith(sep))
    throw unnamed(
      `the job was defined in ${file ?? 'a file that cannot be told'}, which is not in ${jobs}`,
    );
  return path
    .split(sep)
    .join('/')
    .replace(/\.[cm]?[jt]s$/, '');
}

/** The file in a line of a stack: `at file:///jobs/a.ts:3:16`, or with a name before and brackets around it. */
function fileIn(line: string): string | null {
  const [, place = ''] =
    /(?:\(|at (?:async )?)((?:file:\/\/|\/|[A-Za-z]:\\).+?):\d+:\d+\)?$/.exec(line) ?? [];
  if (place === '') return null;
  return place.startsWith('file://') ? fileURLToPath(place) : place;
}

const realOf = (path: string): string => orElseSync(path, () => realpathSync(path));

function unnamed(why: string): JobrunError {
  return new JobrunError('bad-option', why, "Give its name: schedule('price', …)");
}
