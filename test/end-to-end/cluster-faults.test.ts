// Daemons on one store, and what a network and a server may do to them. Jobs write down whom they have met: an attempt
// that finds a process of an earlier one alive says so.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, expect, it, onTestFinished } from 'vitest';
import { CuttingProxy } from '../helpers/cutting-proxy.ts';
import { LEDGER_JOBS } from '../helpers/ledger-jobs.ts';
import { clientOf, freshStore, query, Server } from '../helpers/postgres.ts';
import { type Doc, eventually, isAlive, Project } from '../helpers/project.ts';
import { faultsOf } from '../helpers/store-check.ts';

const LONG = 180_000;
/** Of other processes that take their time on a busy machine. */
const PATIENT = 60_000;

beforeAll(async () => void (await freshStore({ fsync: true })), 120_000);

const JOBS = {
  'jobs/_ledger.js': LEDGER_JOBS['jobs/_ledger.js'] ?? '',
  'jobs/hold.js': `import { held } from './_ledger.js';
export default (params, ctx) => held(ctx, () => ctx.sleep(params.ms));
`,
};

/** Hosts with a ledger in common, each with its own way to the store and its lease, and one place for a run. */
function hostsOn<Name extends string>(
  ways: Readonly<Record<Name, readonly [engine: string, lease: string]>>,
): { readonly hosts: Record<Name, Project>; readonly ledger: (kind: string) => Doc[] } {
  const out = mkdtempSync(join(tmpdir(), 'jobrun-ledger-'));
  onTestFinished(() => rmSync(out, { recursive: true, force: true }));
  mkdirSync(join(out, 'owners'));
  const made = Object.entries<readonly [string, string]>(ways).map(([host, [engine, lease]]) => {
    const config = JSON.stringify({ engine, host, lease, workers: 1 });
    const project = new Project({ ...JOBS, 'jobrun.config.json': config });
    project.env.LEDGER_DIR = out;
    return [host, project] as const;
  });
  const hosts = Object.fromEntries(made) as Record<Name, Project>;
  const ledger = (kind: string): Doc[] => {
    const file = join(out, 'ledger.jsonl');
    const lines = existsSync(file) ? readFileSync(file, 'utf8').split('\n').filter(Boolean) : [];
    return lines.map((line) => JSON.parse(line)).filter((line) => line.kind === kind);
  };
  return { hosts, ledger };
}

async function throughProxy(store: string): Promise<readonly [CuttingProxy, string]> {
  const proxy = await CuttingProxy.to(Number(new URL(store).port));
  const way = new URL(store);
  way.port = String(proxy.port);
  return [proxy, String(way)];
}

it.each(['cut', 'freeze'] as const)(
  'a daemon whose network is %s has nothing alive before another one takes over, and goes on when it is back',
  async (fault) => {
    const store = await freshStore({ fsync: true });
    const [proxy, way] = await throughProxy(store);
    const { hosts, ledger } = hostsOn({ one: [way, '5s'], two: [store, '5s'] });
    const { one, two } = hosts;
    const daemon = await one.daemon();
    await one.json('schedule', 'hold', '-p', 'ms:=600000');
    const [began] = await eventually(
      () => (ledger('begin').length > 0 ? ledger('begin') : null),
      PATIENT,
    );
    await two.daemon();
    proxy[fault]();
    await eventually(() => !isAlive(began.pid), PATIENT);
    expect(ledger('begin').length).toBe(1);
    await eventually(() => ledger('begin').length > 1, PATIENT);
    expect(ledger('double')).toEqual([]);
    proxy.open();
    await eventually(() => daemon.log().includes('the store is back'), PATIENT);
    await two.json('pause', 'hold');
    expect((await two.cli(['abort', '1', '--force'])).code).toBe(0);
    const shown = await eventually(async () => {
      const seen = await one.ask('show', { id: '1' }).catch(() => null);
      return seen?.state === 'aborted' ? seen : null;
    }, PATIENT);
    expect(shown.attempts).toMatchObject([
      { outcome: 'lost', host: 'one' },
      { outcome: 'aborted', host: 'two' },
    ]);
    expect(await faultsOf(store)).toEqual({});
  },
  LONG,
);

it(
  'a server that is away ends no attempt before its fence; one past it goes on from its checkpoint when it is back',
  async () => {
    const server = await Server.start({ fsync: true });
    const store = server.store();
    const { hosts, ledger } = hostsOn({ patient: [store, '2m'], hasty: [store, '33s'] });
    const { patient, hasty } = hosts;
    const begins = (n: number) =>
      eventually(() => (ledger('begin').length >= n ? ledger('begin') : null), PATIENT);
    await patient.daemon();
    await patient.json('schedule', 'hold', '-p', 'ms:=600000');
    await begins(1);
    const daemon = await hasty.daemon();
    await hasty.json('schedule', 'hold', '-p', 'ms:=600000');
    const [first, second] = await begins(2);
    const members = await query(store, 'select id from member order by id');
    const isBack = (times: number): boolean =>
      daemon.log().split('the store is back').length > times;

    await server.stop('immediate');
    await sleep(2000);
    await server.restart();
    await eventually(() => isBack(1), PATIENT);
    // Far from its fence, also where the server takes its time to come back: that is 13 s after it went, at the
    // earliest.
    expect([isAlive(first.pid), isAlive(second.pid)]).toEqual([true, true]);

    const before = ledger('begin').length;
    await server.stop('immediate');
    const at = performance.now();
    await eventually(() => !isAlive(second.pid), PATIENT);
    await sleep(Math.max(0, 20_000 - (performance.now() - at)));
    expect([isAlive(first.pid), ledger('begin').length]).toEqual([true, before]);
    await server.restart();
    await begins(before + 1);
    const shown = await hasty.until('2', ['running'], PATIENT);
    expect(shown.attempts[0]).toMatchObject({ outcome: 'lost', host: 'hasty' });
    expect(await query(store, 'select id from member order by id')).toEqual(members);
    expect((await patient.show('1')).attempts).toMatchObject([{ host: 'patient' }]);
    expect(ledger('double')).toEqual([]);
  },
  LONG,
);

it(
  'commits whose answers are lost, on a slow network, are looked up: no request is done twice, no run begun twice',
  async () => {
    const store = await freshStore({ fsync: true });
    const [proxy, way] = await throughProxy(store);
    const { hosts, ledger } = hostsOn({ one: [way, '30s'] });
    const { one } = hosts;
    await one.daemon();
    proxy.lateMs = 20;
    for (let n = 1; n <= 6; n++) {
      proxy.next = 'answer';
      const { run } = await one.ask('schedule', { job: 'hold', params: { ms: 50 } });
      expect(run.id).toBe(`${n}`);
    }
    for (let n = 1; n <= 6; n++) await one.until(`${n}`, ['done'], PATIENT);
    expect(proxy.cuts).toBeGreaterThan(3);
    expect(ledger('begin').length).toBe(6);
    expect(await faultsOf(store)).toEqual({});
  },
  LONG,
);

it(
  'a server that ends one session after the other holds nothing up: each run begins once, and no place is lost',
  async () => {
    const store = await freshStore({ fsync: true });
    const { hosts, ledger } = hostsOn({ one: [`${store}&application_name=ended`, '30s'] });
    const { one } = hosts;
    await one.daemon();
    const batch = '{"job":"hold","params":{"ms":1}}\n'.repeat(60);
    let asked = 0;
    const ask = async (): Promise<void> => {
      expect((await one.cli(['schedule', '--batch', '-'], batch)).code).toBe(0);
      asked += 60;
    };
    await ask();
    const server = await clientOf(store);
    onTestFinished(() => server.end());
    let ended = 0;
    let [before, endedAt] = [new Set<number>(), 0];
    await eventually(async () => {
      const { rows: sessions } = await server.query<{ pid: number }>(
        `select pid from pg_stat_activity where application_name = 'ended' order by random()`,
      );
      const [next] = sessions;
      // A slow machine, which would be busy with new sessions alone, is given time for each.
      const isBack = sessions.some(({ pid }) => !before.has(pid));
      if (next && (isBack || performance.now() - endedAt > 200)) {
        await server.query('select pg_terminate_backend($1)', [next.pid]);
        ended++;
        [before, endedAt] = [new Set(sessions.map(({ pid }) => pid)), performance.now()];
      }
      const { rows } = await server.query(`select from run where state <> 'done'`);
      if (rows.length > 0) return false;
      // A fast machine is through with them before many have been ended.
      if (ended <= 20) await ask();
      return ended > 20;
    }, PATIENT);
    expect(ledger('begin').length).toBe(asked);
    const isIdle = async (): Promise<boolean> => (await one.ask('status')).workers.busy === 0;
    await eventually(() => isIdle().catch(() => false), PATIENT);
    expect(await faultsOf(store)).toEqual({});
  },
  LONG,
);
