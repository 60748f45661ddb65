// Accepting runs from another process: in bulk, a hundred at once, one at a time.
import { groupCommit } from '../limits/disk.mjs';
import { socketRoundTrips } from '../limits/round-trip.mjs';
import { row } from '../rows.mjs';
import { inFlight, payload, withSite } from '../site.mjs';
import { inTurn, nowMs } from '../stats.mjs';

const perSecond = async (count, work) => {
  const begin = nowMs();
  await work();
  return (count / (nowMs() - begin)) * 1000;
};

const range = (count) => Array.from({ length: count }, (_, i) => i);

export const accept = ({ rounds, scale }) =>
  withSite('accept', async (site) => {
    const { client } = site;
    await client.pause('shared');
    const bulk = 100_000 * scale;
    const many = 20_000 * scale;
    const few = 2_000 * scale;
    const one = (n) => client.schedule('shared', payload(n));
    await inFlight(100, range(1000), one);
    const taken = await inTurn(rounds, {
      bulkLimit: () => groupCommit({ writers: 4, count: bulk, records: 1000 }),
      bulk: () => perSecond(bulk, () => site.fill('shared', bulk)),
      manyLimit: () => groupCommit({ writers: 100, count: many }),
      many: () => perSecond(many, () => inFlight(100, range(many), one)),
      singleLimit: () => socketRoundTrips(few, { durable: true }),
      single: () => perSecond(few, () => inFlight(1, range(few), one)),
    });
    const unit = '/s';
    return [
      row({
        id: 'accept-bulk',
        what: 'accept in bulk, 1,000 a call, 4 calls in flight',
        figure: taken.bulk,
        unit,
        limit: taken.bulkLimit,
        limitName: 'group commit, 1,000 a write',
        target: { atLeast: 0.5 },
      }),
      row({
        id: 'accept-100',
        what: 'accept, 100 in flight',
        figure: taken.many,
        unit,
        limit: taken.manyLimit,
        limitName: 'group commit, 100 writers',
        target: { atLeast: 0.35 },
      }),
      row({
        id: 'accept-1',
        what: 'accept one at a time',
        figure: taken.single,
        unit,
        limit: taken.singleLimit,
        limitName: 'socket round trip + append + fdatasync',
        target: { atLeast: 0.6 },
      }),
    ];
  });
