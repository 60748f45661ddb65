// Loaded into a daemon beside its own code: notes how late the loop came to a timer of one millisecond, and writes
// the longest waits down when the process ends.
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';

const RESOLUTION_MS = 1;
const file = process.env.JOBRUN_BENCH_PROBE;
delete process.env.JOBRUN_BENCH_PROBE;
if (file) {
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  // Loading the code and the runs is no pause of a loop that serves: the start has a figure of its own.
  const socket = join(process.argv[process.argv.indexOf('--dir') + 1], 'state', 'jobrun.sock');
  const looks = setInterval(() => {
    if (!existsSync(socket)) return;
    clearInterval(looks);
    delay.enable();
  }, 20).unref();
  process.on('exit', () => {
    const ms = (ns) => Math.max(0, ns / 1e6 - RESOLUTION_MS);
    writeFileSync(file, JSON.stringify({ p99: ms(delay.percentile(99)), max: ms(delay.max) }));
  });
}
