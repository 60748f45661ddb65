// Clears away what imports that were given up have left behind: unfinished catalogues that have not changed for a week.
// An example of a job that runs by itself, each night; see when with `jobrun schedules`, and `docs/schedules.md` for
// all that `cron` can say. An import that is only interrupted keeps its file, and would begin anew without it.
//
//   jobrun run clean-up -p days=0
import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { defineJob } from 'jobrun';
import { options } from './_options.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
const LEFT_OVER = /^catalogue\.json\.\d+$/;

export default defineJob({
  description: 'Clears away what imports that were given up have left behind',
  group: 'examples',
  params: options({ folder: 'jobs/data', days: 7 }),
  cron: '30 3 * * *',
  // A night in which the machine was off: once in the morning is enough.
  catchUp: 'once',

  async run({ folder, days }, ctx) {
    const before = Date.now() - days * DAY_MS;
    let bytes = 0;
    const names = (await readdir(folder)).filter((name) => LEFT_OVER.test(name));
    for (const [i, name] of names.entries()) {
      const file = await stat(join(folder, name));
      if (file.mtimeMs <= before) {
        await rm(join(folder, name), { force: true });
        bytes += file.size;
        ctx.log.info(`removed ${name}`, { bytes: file.size });
        ctx.result({ file: name, bytes: file.size });
      }
      ctx.progress((100 * (i + 1)) / names.length, `${i + 1} of ${names.length} files`);
    }
    return { bytes };
  },
});
