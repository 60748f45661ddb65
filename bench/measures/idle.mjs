// A daemon with nothing to do.
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { row } from '../rows.mjs';
import { withSite } from '../site.mjs';
import { nowMs } from '../stats.mjs';

/** It looks that often whether its files are still there. */
const LOOK_S = 1;

/** Nanoseconds on a core, of all threads; and how often the main one was woken. */
function usage(pid) {
  let ns = 0;
  for (const task of readdirSync(`/proc/${pid}/task`)) {
    ns += Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0]);
  }
  const status = readFileSync(`/proc/${pid}/task/${pid}/status`, 'utf8');
  return { ns, wakes: Number(/\nvoluntary_ctxt_switches:\s+(\d+)/.exec(status)[1]) };
}

export const idle = ({ scale }) =>
  withSite(
    'idle',
    async (site) => {
      await site.fill('single', 10);
      await site.settled(10);
      // Its workers are given up after a minute.
      await sleep(65_000 * scale);
      const seconds = 60 * scale;
      const [before, begin] = [usage(site.pid), nowMs()];
      await sleep(seconds * 1000);
      const [after, ms] = [usage(site.pid), nowMs() - begin];
      return [
        row({
          id: 'idle-cpu',
          what: 'idle daemon, share of a core',
          figure: ((after.ns - before.ns) / 1e6 / ms) * 100,
          unit: '%',
          // What was worked off leaves its garbage behind for a minute: a shorter look sees that, and no idle daemon.
          judged: scale === 1,
          target: { most: 0.1 },
        }),
        row({
          id: 'idle-wakes',
          what: 'idle daemon, times woken a minute',
          figure: ((after.wakes - before.wakes) / ms) * 60_000,
          unit: '',
          limit: 60 / LOOK_S,
          limitName: 'its looks at its own files',
          judged: scale === 1,
          target: { atMost: 3 },
        }),
      ];
    },
    { probe: false },
  );
