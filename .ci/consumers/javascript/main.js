// A program of a user's in plain JavaScript, and one that still requires what it uses.
import { createRequire } from 'node:module';
import { connect, defineJob, startDaemon } from 'jobrun';

const daemon = await startDaemon({ workers: 1 });
const jobs = await connect();
const { id } = await jobs.schedule('double', { n: 4 });
const output = await jobs.result(id);
await jobs.close();
const { version } = createRequire(import.meta.url)('jobrun/package.json');
console.log(
  JSON.stringify({
    output,
    stopped: await daemon.stop(),
    version: typeof version,
    defineJob: typeof defineJob,
  }),
);
