// `npm run bench -- --peers`: the same work on jobrun and on each peer, in turn. A peer whose server or package is
// missing says so and is left out.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { row } from '../rows.mjs';
import { inFlight, payload, Site } from '../site.mjs';
import { inTurn, median, nowMs } from '../stats.mjs';
import { PEERS } from './adapters.mjs';
import { startPostgres, startRedis } from './servers.mjs';

const CONSUMER = fileURLToPath(new URL('./consumer.mjs', import.meta.url));
const STARTS = { redis: startRedis, postgres: startPostgres };

/** What jobrun is to reach, in times the best of the peers. */
const WORK = [
  { id: 'bulk', what: 'accept in bulk, 1,000 a call, 4 calls in flight', times: 1.5 },
  { id: 'many', what: 'accept, 100 in flight', times: 2 },
  { id: 'single', what: 'accept one at a time', times: 1.2 },
  { id: 'drain', what: 'work off what waits', times: 2 },
  { id: 'endToEnd', what: 'end to end, 100 in flight', times: 3 },
];

class Jobrun {
  #site = new Site('peers');
  #accepted = 0;

  async open() {
    await this.#site.start();
    return this;
  }

  async hold() {
    await this.#site.client.pause('shared');
  }

  async ready() {}

  async work() {
    await this.#site.client.resume('shared');
  }

  one(data) {
    this.#accepted++;
    return this.#site.client.schedule('shared', data);
  }

  many(list) {
    this.#accepted += list.length;
    return this.#site.client.scheduleMany(list.map((params) => ({ job: 'shared', params })));
  }

  idle() {
    return this.#site.settled(this.#accepted);
  }

  async close() {
    await this.#site.stop('peers');
    this.#site.remove();
  }
}

export class Peer {
  #name;
  #adapter;
  #server;
  #isOwnServer;
  #producer;
  #most;
  #consumers = [];
  #accepted = 0;
  #before = 0;

  /** With a `server` of the caller's, and so many `consumers` at work. */
  constructor(name, { server = null, consumers = 1 } = {}) {
    this.#name = name;
    this.#adapter = PEERS[name];
    this.#server = server;
    this.#isOwnServer = server === null;
    this.#most = consumers;
  }

  /** Null, with the reason said, where it cannot be measured here. */
  async open() {
    try {
      this.#server ??= await STARTS[this.#adapter.server]();
      if (!this.#server) throw new Error(`no ${this.#adapter.server} server is installed`);
      this.#producer = await this.#adapter.producer(this.#server.connection);
      return this;
    } catch (error) {
      process.stderr.write(`${this.#name} is left out: ${error.message}\n`);
      if (error.code === 'ERR_MODULE_NOT_FOUND')
        process.stderr.write('  cd bench && npm install\n');
      if (this.#isOwnServer) await this.#server?.stop();
      return null;
    }
  }

  async hold() {
    const consumers = this.#consumers;
    const over = consumers.map(({ child }) => once(child, 'exit'));
    for (const { child } of consumers) child.send('stop');
    await Promise.all(over);
    this.#before = this.#done;
    this.#consumers = [];
  }

  /** Its processes are there, and have not begun. */
  async ready() {
    this.#consumers = Array.from({ length: this.#most }, () => ({
      child: fork(CONSUMER),
      done: 0,
    }));
    await Promise.all(
      this.#consumers.map(async (consumer) => {
        const { child } = consumer;
        child.send({ peer: this.#name, connection: this.#server.connection });
        await once(child, 'message');
        child.on('message', ({ done }) => {
          consumer.done = done;
        });
      }),
    );
  }

  work() {
    for (const { child } of this.#consumers) child.send('go');
  }

  one(data) {
    this.#accepted++;
    return this.#producer.one(data);
  }

  many(list) {
    this.#accepted += list.length;
    return this.#producer.many(list);
  }

  async idle() {
    while (this.#done < this.#accepted) await sleep(4);
  }

  get #done() {
    return this.#consumers.reduce((sum, { done }) => sum + done, this.#before);
  }

  async close() {
    await this.hold();
    await this.#producer.close();
    if (this.#isOwnServer) await this.#server.stop();
  }
}

export const range = (count) => Array.from({ length: count }, (_, i) => i);
export const perSecond = async (count, work) => {
  const begin = nowMs();
  await work();
  return (count / (nowMs() - begin)) * 1000;
};

/** All work on one contestant: what waits after the accepts is what is worked off. */
async function measure(contestant, scale) {
  const [bulk, many, single] = [50_000, 10_000, 1000].map((n) => Math.max(100, n * scale));
  const one = (n) => contestant.one(payload(n));
  await contestant.hold();
  const taken = {
    bulk: await perSecond(bulk, () =>
      inFlight(4, range(Math.ceil(bulk / 1000)), () =>
        contestant.many(range(Math.min(1000, bulk)).map(payload)),
      ),
    ),
    many: await perSecond(many, () => inFlight(100, range(many), one)),
    single: await perSecond(single, () => inFlight(1, range(single), one)),
  };
  const waiting = Math.ceil(bulk / 1000) * Math.min(1000, bulk) + many + single;
  await contestant.ready();
  taken.drain = await perSecond(waiting, async () => {
    await contestant.work();
    await contestant.idle();
  });
  taken.endToEnd = await perSecond(many, async () => {
    await inFlight(100, range(many), one);
    await contestant.idle();
  });
  return taken;
}

export async function peers({ rounds, scale }) {
  const contestants = { jobrun: await new Jobrun().open() };
  for (const name of Object.keys(PEERS)) {
    const peer = await new Peer(name).open();
    if (peer) contestants[name] = peer;
  }
  const taken = Object.fromEntries(Object.keys(contestants).map((name) => [name, []]));
  await inTurn(
    rounds,
    Object.fromEntries(
      Object.entries(contestants).map(([name, contestant]) => [
        name,
        async () => {
          process.stderr.write(`${name} …\n`);
          taken[name].push(await measure(contestant, scale));
          return 0;
        },
      ]),
    ),
  );
  for (const contestant of Object.values(contestants)) await contestant.close();
  return WORK.flatMap(({ id, what, times }) => {
    const middle = (name) => median(taken[name].map((round) => round[id]));
    const others = Object.keys(contestants).filter((name) => name !== 'jobrun');
    const best = Math.max(...others.map(middle));
    return others.map((name) =>
      row({
        id: `${id}-${name}`,
        what,
        figure: middle('jobrun'),
        unit: '/s',
        limit: middle(name),
        limitName: name,
        target: middle(name) === best ? { atLeast: times } : {},
      }),
    );
  });
}
