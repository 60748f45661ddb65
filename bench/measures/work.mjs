// Working runs off: what waits already, and from end to end while a client submits.
import { groupCommit } from '../limits/disk.mjs';
import { spawnTrue } from '../limits/processes.mjs';
import { pipeRoundTrips } from '../limits/round-trip.mjs';
import { row } from '../rows.mjs';
import { inFlight, payload, Site, withSite } from '../site.mjs';
import { inTurn, nowMs } from '../stats.mjs';

const WORKERS = 4;

/** Accepts `count` runs while the job is paused, lets them go, and returns how many a second were settled. */
async function drain(site, job, count) {
  const { client } = site;
  await client.pause(job);
  await site.fill(job, count);
  const { counts } = await client.status();
  const before = counts.done + counts.failed + counts.aborted;
  const begin = nowMs();
  await client.resume(job);
  await site.settled(before + count);
  return (count / (nowMs() - begin)) * 1000;
}

async function endToEnd(site, count) {
  const { client } = site;
  const { counts } = await client.status();
  const begin = nowMs();
  await inFlight(100, Array.from({ length: count }).keys(), (n) =>
    client.schedule('shared', payload(n)),
  );
  await site.settled(counts.done + count);
  return (count / (nowMs() - begin)) * 1000;
}

export const shared = ({ rounds, scale }) =>
  withSite('shared', async (site) => {
    const waiting = 100_000 * scale;
    const submitted = 40_000 * scale;
    await drain(site, 'shared', 1000);
    const taken = await inTurn(rounds, {
      limit: () => groupCommit({ writers: 1000, count: waiting }),
      drain: () => drain(site, 'shared', waiting),
      endToEnd: () => endToEnd(site, submitted),
    });
    return [
      row({
        id: 'drain',
        what: 'work off waiting no-op runs, shared',
        figure: taken.drain,
        unit: '/s',
        limit: taken.limit / 2,
        limitName: 'group commit of two records a run',
        target: { least: 40_000 },
      }),
      row({
        id: 'end-to-end',
        what: 'end to end, a client with 100 in flight, shared',
        figure: taken.endToEnd,
        unit: '/s',
        limit: taken.limit / 3,
        limitName: 'group commit of three records a run',
      }),
    ];
  });

export const single = ({ rounds, scale }) =>
  withSite(
    'process',
    async (site) => {
      const count = 20_000 * scale;
      await drain(site, 'single', 1000);
      const taken = await inTurn(rounds, {
        limit: () => pipeRoundTrips(count, WORKERS),
        figure: () => drain(site, 'single', count),
      });
      return [
        row({
          id: 'process',
          what: `no-op runs in process isolation, ${WORKERS} workers`,
          ...taken,
          unit: '/s',
          limitName: `bare pipe, ${WORKERS} children`,
          target: { least: 5000 },
        }),
      ];
    },
    { workers: WORKERS },
  );

/** Command jobs, with a daemon that is empty and with one that holds many runs. */
export async function commands({ rounds, scale, million }) {
  const rows = [];
  for (const held of [0, million]) {
    const site = new Site('commands');
    await site.start({ workers: WORKERS });
    await site.client.pause('shared');
    await site.fill('shared', held);
    const count = Math.max(10, 1500 * scale);
    await drain(site, 'command', Math.min(50, count));
    const taken = await inTurn(rounds, {
      limit: () => spawnTrue(count, WORKERS),
      figure: () => drain(site, 'command', count),
    });
    await site.stop('commands');
    site.remove();
    rows.push(
      row({
        id: held === 0 ? 'commands' : 'commands-full',
        what: `command jobs (/bin/true), ${held.toLocaleString('en-US')} runs held`,
        ...taken,
        unit: '/s',
        limitName: `bare spawn, ${WORKERS} at once`,
        target: { atLeast: 0.8 },
      }),
    );
  }
  return rows;
}
