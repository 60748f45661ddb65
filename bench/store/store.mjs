// `npm run bench -- --engine postgres`: jobrun on a store beside pg-boss and graphile-worker, on one server, in turn.
// Two daemons of jobrun, and two consumers of each peer, work off what waits.
import { setTimeout as sleep } from 'node:timers/promises';
import { Peer, perSecond, range } from '../peers/peers.mjs';
import { startPostgres } from '../peers/servers.mjs';
import { row } from '../rows.mjs';
import { inFlight, payload, Site } from '../site.mjs';
import { inTurn, median, percentile } from '../stats.mjs';
import { cpuMs } from './cpu.mjs';

const PEERS = ['graphile-worker', 'pg-boss'];
const LEASE_MS = 3000;

/** What jobrun is to reach, in times the better of the peers. */
const WORK = [
  { id: 'many', what: 'accept, 100 in flight', times: 3 },
  { id: 'single', what: 'accept one at a time', times: 1 },
  { id: 'drain', what: 'claim and settle, two daemons', times: 1.5 },
];

/** On a machine that is busy with other things an answer may come too late: then it is asked for again. */
async function countsOf(client, tries = 20) {
  try {
    return (await client.status()).counts;
  } catch (error) {
    if (error.code !== 'no-daemon' || tries === 0) throw error;
    return countsOf(client, tries - 1);
  }
}

class Jobrun {
  #sites;
  #accepted = 0;

  constructor(connection) {
    this.#sites = ['one', 'two'].map((host) => siteOf(connection, host));
  }

  async open() {
    for (const site of this.#sites) await site.start({ probe: false });
    return this;
  }

  get client() {
    return this.#sites[0].client;
  }

  hold() {
    return this.client.pause('shared');
  }

  async ready() {}

  work() {
    return this.client.resume('shared');
  }

  one(data) {
    this.#accepted++;
    return this.client.schedule('shared', data);
  }

  async idle() {
    while ((await countsOf(this.client)).done < this.#accepted) await sleep(20);
  }

  async close() {
    for (const site of this.#sites) {
      await site.stop();
      site.remove();
    }
  }
}

function siteOf(connection, host, schema = 'jobrun') {
  const url = new URL(connection);
  url.searchParams.set('schema', schema);
  return new Site(`store-${host}`, { engine: String(url), host, lease: `${LEASE_MS}ms` });
}

async function measure(contestant, scale) {
  const [many, single, waiting] = [10_000, 1000, 30_000].map((n) => Math.max(50, n * scale));
  const one = (n) => contestant.one(payload(n));
  await contestant.hold();
  const taken = {
    single: await perSecond(single, () => inFlight(1, range(single), one)),
    many: await perSecond(many, () => inFlight(100, range(many), one)),
  };
  const more = waiting - many - single;
  if (more > 0) await inFlight(100, range(more), one);
  await contestant.ready();
  const left = single + many + Math.max(0, more);
  taken.drain = await perSecond(left, async () => {
    await contestant.work();
    await contestant.idle();
  });
  return taken;
}

/** What a turn of one operation costs the daemon and the server together, with nothing else going on. */
async function turnCost(server, scale) {
  const site = siteOf(server.connection, 'alone', 'alone');
  await site.start({ probe: false });
  const { client } = site;
  await client.pause('shared');
  const costs = [];
  const count = Math.max(20, 1000 * scale);
  for (let round = 0; round < 4; round++) {
    const before = cpuMs(site.pid) + cpuMs(server.pid);
    await inFlight(1, range(count), (n) => client.schedule('shared', payload(n)));
    costs.push((cpuMs(site.pid) + cpuMs(server.pid) - before) / count);
  }
  await site.stop();
  site.remove();
  // The first round warms up.
  return median(costs.slice(1));
}

/** How late runs begin that are due later: while two daemons look. */
async function lateness({ client }, count) {
  const runs = await inFlightAll(range(count), (i) =>
    client.schedule('shared', payload(i), { in: 3000 + i * 19 }),
  );
  for (;;) {
    const ended = await Promise.all(runs.map(({ id }) => client.get(id)));
    if (ended.every(({ state }) => state === 'done'))
      return ended.map((run) => Date.parse(run.startedAt) - Date.parse(run.dueAt));
    await sleep(500);
  }
}

const inFlightAll = (items, work) => Promise.all(items.map(work));

/** From the kill of a daemon until the other one has begun its run again. */
async function takeover(server, rounds) {
  const took = [];
  for (let round = 0; round < rounds; round++) {
    const [gone, other] = ['gone', 'other'].map((host) => siteOf(server.connection, host, 'over'));
    await gone.start({ probe: false });
    const { id } = await gone.client.schedule('hold', {});
    while ((await gone.client.get(id)).state !== 'running') await sleep(20);
    await other.start({ probe: false });
    await sleep(2 * LEASE_MS);
    const at = Date.now();
    process.kill(gone.pid, 'SIGKILL');
    for (;;) {
      const { attempts } = await other.client.get(id);
      if (attempts.length > 1) {
        took.push(Date.parse(attempts[1].startedAt) - at);
        break;
      }
      await sleep(20);
    }
    await other.client.abort(id);
    await other.stop();
    for (const site of [gone, other]) site.remove();
  }
  return took;
}

/** What the server spends on a run, in microseconds, while so many others wait: four workers take them one by one. */
async function costOfRun(server, waiting, worked) {
  const site = siteOf(server.connection, 'many', `waiting_${waiting}`);
  await site.start({ probe: false });
  const { client } = site;
  const counts = () => countsOf(client);
  await client.pause('single');
  await site.fill('single', waiting);
  const costs = [];
  for (let round = 0; round < 4; round++) {
    const [before, cpu] = [(await counts()).done, cpuMs(server.pid)];
    await client.resume('single');
    while ((await counts()).done < before + worked) await sleep(50);
    await client.pause('single');
    while ((await counts()).running > 0) await sleep(20);
    costs.push((1000 * (cpuMs(server.pid) - cpu)) / ((await counts()).done - before));
  }
  await site.stop();
  site.remove();
  return median(costs.slice(1));
}

export async function store({ rounds, scale, million }) {
  const server = await startPostgres();
  if (!server) throw new Error('no PostgreSQL is installed');
  const contestants = { jobrun: await new Jobrun(server.connection).open() };
  for (const name of PEERS) {
    const peer = await new Peer(name, { server, consumers: 2 }).open();
    if (peer) contestants[name] = peer;
  }
  const taken = Object.fromEntries(Object.keys(contestants).map((name) => [name, []]));
  const turns = Object.entries(contestants).map(([name, contestant]) => [
    name,
    async () => {
      process.stderr.write(`${name} …\n`);
      taken[name].push(await measure(contestant, scale));
      return 0;
    },
  ]);
  await inTurn(Math.min(3, rounds), Object.fromEntries(turns));
  const late = await lateness(contestants.jobrun, Math.max(10, 200 * scale));
  for (const contestant of Object.values(contestants)) await contestant.close();
  process.stderr.write('one turn, takeover …\n');
  const turn = await turnCost(server, scale);
  const took = await takeover(server, scale < 0.1 ? 1 : 3);
  process.stderr.write('many waiting …\n');
  const [least, most] = [Math.max(2000, million / 100), Math.max(4000, million)];
  const few = await costOfRun(server, least, least / 20);
  const full = await costOfRun(server, most, least / 20);
  await server.stop();
  const of = (name, id) => median(taken[name].map((round) => round[id]));
  const best = (id) => Math.max(...PEERS.filter((name) => taken[name]).map((name) => of(name, id)));
  const rows = WORK.flatMap(({ id, what, times }) =>
    PEERS.filter((name) => taken[name]).map((name) =>
      row({
        id: `store-${id}-${name}`,
        what: `${what}, on PostgreSQL`,
        figure: of('jobrun', id),
        unit: '/s',
        limit: of(name, id),
        limitName: name,
        target: of(name, id) === best(id) ? { atLeast: times } : {},
      }),
    ),
  );
  const ms = (id, what, figure, most) =>
    row({ id: `store-${id}`, what, figure, unit: 'ms', target: most === null ? {} : { most } });
  return [
    ...rows,
    ms('turn', 'processor time of a turn of one operation, daemon and server', turn, 1.5),
    ms('late-p50', 'lateness of a run on PostgreSQL, p50', percentile(late, 0.5), null),
    ms('late-p99', 'lateness of a run on PostgreSQL, p99', percentile(late, 0.99), null),
    ms('takeover', `takeover after a kill, lease ${LEASE_MS} ms`, median(took), 1.25 * LEASE_MS),
    row({
      id: 'store-waiting',
      what: `processor time of the server for a run with ${most.toLocaleString('en-US')} waiting`,
      figure: full,
      unit: 'µs',
      limit: few,
      limitName: `${least.toLocaleString('en-US')} waiting`,
      target: { atMost: 1.3 },
    }),
  ];
}
