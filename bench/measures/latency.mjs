// How soon a run begins when nothing else is going on: after the call, and after its due time.
import { setTimeout as sleep } from 'node:timers/promises';
import { appendOneByOne } from '../limits/disk.mjs';
import { socketRoundTrips } from '../limits/round-trip.mjs';
import { row } from '../rows.mjs';
import { inFlight, withSite } from '../site.mjs';
import { inTurn, nowMs, percentile } from '../stats.mjs';

async function callToStart(client, count) {
  const waits = [];
  for (let i = 0; i < count; i++) {
    // Not in step with anything the daemon does by itself.
    await sleep(5 + (i % 7));
    const begin = nowMs();
    const run = await client.schedule('stamp', {});
    const { ns } = await client.result(run.id);
    waits.push(Number(ns) / 1e6 - begin);
  }
  return waits;
}

async function lateness(client, count) {
  const late = [];
  await inFlight(count, Array.from({ length: count }).keys(), async (i) => {
    // No divisor of a second: the acceptance of another one would be synced just when this one is due.
    await sleep(i * 19);
    const run = await client.schedule('stamp', {}, { in: 1000 });
    const { wall } = await client.result(run.id);
    late.push(wall - Date.parse(run.dueAt));
  });
  return late;
}

export const latency = ({ rounds, scale }) =>
  withSite('latency', async (site) => {
    const { client } = site;
    await callToStart(client, 20);
    const bare = await inTurn(rounds, {
      trip: async () => 1000 / (await socketRoundTrips(500)),
      sync: async () => 1000 / appendOneByOne(500),
    });
    const waits = await callToStart(client, Math.max(20, 500 * scale));
    const late = await lateness(client, Math.max(20, 200 * scale));
    // The call is a round trip; accept and start are synced; the brief is a message to the worker.
    const limit = bare.trip / 2 + 2 * bare.sync + bare.trip / 2;
    const limitName = 'round trip + two appends synced';
    const line = (id, what, figure, most) =>
      row({ id, what, figure, unit: 'ms', limit, limitName, target: { most } });
    return [
      line('start-p50', 'call to first line of the handler, idle, p50', percentile(waits, 0.5), 1),
      line('start-p99', 'call to first line of the handler, idle, p99', percentile(waits, 0.99), 4),
      line('late-p50', 'lateness of a run due in 1 s, p50', percentile(late, 0.5), 1),
      line('late-p99', 'lateness of a run due in 1 s, p99', percentile(late, 0.99), 4),
    ];
  });
