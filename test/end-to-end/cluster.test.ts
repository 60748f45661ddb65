// Two daemons on one store: what a user sees of them.
import { beforeAll, expect, it, onTestFinished } from 'vitest';
import { hosts } from '../helpers/cluster.ts';
import { ask, receiver } from '../helpers/http.ts';
import { clientOf, freshStore, query, Server } from '../helpers/postgres.ts';
import { type Doc, eventually, isAlive } from '../helpers/project.ts';
import { samplesOf } from '../helpers/prometheus.ts';

beforeAll(async () => void (await freshStore({ fsync: true })), 120_000);

const files = {
  'jobs/where.js': `import { appendFileSync } from 'node:fs';
export default async ({ ms = 0 }, ctx) => {
  const steps = (ctx.checkpoint ?? 0) + 1;
  await ctx.save(steps);
  ctx.log.info('at work');
  appendFileSync('ledger.jsonl', JSON.stringify({ run: ctx.id, pid: process.pid, attempt: ctx.attempt, fence: ctx.fence }) + '\\n');
  await new Promise((resolve) => setTimeout(resolve, ms));
  return { pid: process.pid, steps };
};
`,
};

it('either host takes runs of both, sees them alike, and has ids and order in common', async () => {
  const { one, two } = await hosts(['one', 'two'], { files });
  await one.daemon();
  const first = await one.json('schedule', 'where');
  expect(first.id).toBe('1');
  expect((await one.until('1')).state).toBe('done');
  await two.daemon();
  const second = await two.json('schedule', 'where');
  expect(second.id).toBe('2');
  const seen = await two.until('2');
  expect(seen.state).toBe('done');
  expect(await one.show('1')).toMatchObject({ state: 'done', attempts: [{ host: 'one' }] });
  expect((await two.json('list')).runs.map(({ id }: { id: string }) => id)).toEqual(['2', '1']);
}, 120_000);

it('of a daemon with two places no three runs are under way at one instant, and status says at once how many are', async () => {
  const { one } = await hosts(['one'], { files, lease: '30s' });
  await one.daemon();
  await one.cli(['pause']);
  const ids = await Promise.all(Array.from({ length: 10 }, () => one.accept('where', { ms: 40 })));
  await one.cli(['resume']);
  const spans: [from: number, to: number][] = [];
  for (const id of ids) {
    const { startedAt, settledAt } = await one.until(id);
    spans.push([Date.parse(startedAt), Date.parse(settledAt)]);
  }
  const under = ([at]: [number, number]): number =>
    spans.filter(([from, to]) => from <= at && at < to).length;
  expect(Math.max(...spans.map(under))).toBe(2);
  const long = await one.accept('where', { ms: 60_000 });
  await one.until(long, ['running']);
  expect((await one.ask('status')).workers).toEqual({ busy: 1, total: 2 });
  await one.cli(['abort', long, '--force']);
}, 120_000);

it('status is told while the renewal of the lease has to wait', async () => {
  const store = await freshStore({ fsync: true });
  const { one } = await hosts(['one'], { store, files, lease: '30s' });
  await one.daemon();
  const blocker = await clientOf(store);
  onTestFinished(() => blocker.end());
  await blocker.query('begin');
  await blocker.query('lock table member in share mode');
  const [{ pid } = { pid: 0 }] = (await blocker.query('select pg_backend_pid() as pid')).rows;
  const text = 'select from pg_stat_activity where $1 = any(pg_blocking_pids(pid))';
  const waiting = async () => (await query(store, text, [pid])).length;
  await eventually(async () => (await waiting()) > 0, 20_000);
  const status = await one.ask('status');
  expect(status.hosts.map(({ host }: Doc) => host)).toEqual(['one']);
  expect(await waiting(), 'its lease waits still').toBeGreaterThan(0);
  await blocker.query('rollback');
}, 120_000);

it('params that are added to a run are added to those that it has, on any host', async () => {
  const { one, two } = await hosts(['one', 'two'], { files });
  const { id } = await one.json(
    'schedule',
    'where',
    '--in',
    '1h',
    '-p',
    'ms:=5',
    '-p',
    'name=first',
  );
  await two.json('update', id, '-p', 'ms:=7');
  expect(await one.show(id)).toMatchObject({ params: { ms: 7, name: 'first' } });
}, 120_000);

it('a daemon that is killed loses its attempt to the other one, after its lease', async () => {
  const { one, two } = await hosts(['one', 'two'], { files });
  const daemon = await one.daemon();
  await one.json('schedule', 'where', '-p', 'ms:=60000');
  await one.until('1', ['running']);
  const [began] = await eventually(() => (one.ledger().length > 0 ? one.ledger() : null));
  await two.daemon();
  await daemon.kill('SIGKILL');
  await eventually(() => !isAlive(began.pid));
  const [next] = await eventually(() => (two.ledger().length > 0 ? two.ledger() : null), 30_000);
  expect(next).toMatchObject({ run: '1', attempt: 2, fence: 2 });
  const shown = await two.show('1');
  expect(shown.attempts[0]).toMatchObject({ outcome: 'lost', host: 'one' });
  expect(shown).toMatchObject({ checkpoint: 2, worker: { host: 'two' } });
}, 120_000);

it('a daemon that stands still has nothing alive before the other one begins', async () => {
  const { one, two } = await hosts(['one', 'two'], { files });
  const daemon = await one.daemon();
  await one.json('schedule', 'where', '-p', 'ms:=60000');
  const [began] = await eventually(() => (one.ledger().length > 0 ? one.ledger() : null), 20_000);
  await two.daemon();
  process.kill(daemon.pid, 'SIGSTOP');
  await eventually(() => !isAlive(began.pid), 20_000);
  expect(two.ledger()).toEqual([]);
  await eventually(() => two.ledger().length > 0, 30_000);
  process.kill(daemon.pid, 'SIGCONT');
  const log = () => daemon.log();
  await eventually(() => /ended|cut off/.test(log()), 20_000);
  await two.cli(['abort', '1', '--force']);
  await one.json('schedule', 'where');
  expect((await two.until('2', undefined, 30_000)).state).toBe('done');
}, 120_000);

it('a daemon that starts again on its state folder takes its runs back at once', async () => {
  const { one } = await hosts(['one'], { files, lease: '10m' });
  const daemon = await one.daemon();
  await one.json('schedule', 'where', '-p', 'ms:=60000');
  await eventually(() => one.ledger().length > 0, 20_000);
  await daemon.kill('SIGKILL');
  await one.daemon();
  await eventually(() => one.ledger().length > 1, 20_000);
  expect(one.ledger()[1]).toMatchObject({ run: '1', attempt: 2 });
}, 120_000);

it('every host tells of all, an abort reaches a run of the other one, and a job of one alone waits for it', async () => {
  const { one, two } = await hosts(['one', 'two'], { files, lease: '30s' });
  two.write('jobs/rare.js', 'export default async () => "rare";');
  const first = await one.daemon('--http', '127.0.0.1:0');
  const second = await two.daemon();
  const status = await eventually(async () => {
    const seen = await one.json('status');
    return seen.hosts[1]?.jobs.length === 2 ? seen : null;
  }, 20_000);
  expect(status).toMatchObject({ running: true, host: 'one', workers: { busy: 0, total: 4 } });
  expect(status.engine).toMatch(/^postgres:\/\/jobrun@127\.0\.0\.1:\d+\/postgres\?schema=test_/);
  expect(status.hosts).toMatchObject([
    { host: 'one', state: 'alive', jobs: ['where'] },
    { host: 'two', state: 'alive', pid: second.pid, jobs: ['rare', 'where'] },
  ]);
  const { jobs } = await one.json('jobs');
  expect(jobs).toMatchObject([
    { name: 'rare', hosts: ['two'], state: 'ok', file: null },
    { name: 'where', hosts: ['one', 'two'], state: 'ok' },
  ]);
  expect(await one.json('jobs', 'rare')).toMatchObject({ hosts: ['two'], state: 'ok', runs: [] });
  const next = await one.cli(['next', 'rare']);
  expect(next.stderr).toContain('the job rare has no schedule');
  const made = await one.json('schedule', 'rare', '--cron', '0 0 1 1 *', '--name', 'rarely');
  expect(made.state).toBe('ok');
  expect((await one.json('schedules')).schedules).toMatchObject([{ name: 'rarely', state: 'ok' }]);
  const near = await one.cli(['schedule', 'rar']);
  expect([near.code, near.stderr]).toEqual([3, expect.stringContaining('Did you mean "rare"?')]);

  await one.cli(['pause']);
  const rare = await one.json('schedule', 'rare');
  expect(rare.reason).toBe('only on two');
  expect((await one.cli(['schedule', 'nowhere'])).code).toBe(3);
  await one.cli(['resume']);
  expect(await one.until(rare.id)).toMatchObject({ state: 'done', attempts: [{ host: 'two' }] });
  const url = /http:\/\/[\d.]+:\d+/.exec(first.log())?.[0];
  const samples = samplesOf((await ask(`${url}/metrics`)).body);
  expect(samples.get('jobrun_runs{state="done"}')).toBe(1);
  expect(samples.get('jobrun_commit_seconds_count')).toBeGreaterThan(0);

  await one.cli(['pause', 'where']);
  const { id } = await two.json('schedule', 'where', '-p', 'ms:=60000');
  await one.cli(['resume', 'where']);
  const running = await one.until(id, ['running']);
  const holder = running.worker.host === 'one' ? two : one;
  const aborted = await holder.cli([
    'abort',
    id,
    '--force',
    '--reason',
    'from elsewhere',
    '--json',
  ]);
  expect(JSON.parse(aborted.stdout).results[0]).toMatchObject({ id, state: 'aborted' });
  expect(await one.show(id)).toMatchObject({ state: 'aborted', reason: 'from elsewhere' });
}, 120_000);

/** The spans that a collector has got, of all daemons. */
const spansIn = (received: readonly { readonly body: string }[]): Doc[] =>
  received.flatMap(({ body }) =>
    JSON.parse(body).resourceSpans.flatMap((one: Doc) =>
      one.scopeSpans.flatMap(({ spans }: Doc) => spans),
    ),
  );

it('a trace goes with its run from the host that accepts it to the one that runs it, and with what it emits to the next one', async () => {
  const { one, two } = await hosts(['one', 'two'], { files, lease: '30s' });
  two.write(
    'jobs/first.js',
    'export default async (_params, ctx) => { await ctx.emit("second"); return ctx.trace; };',
  );
  one.write('jobs/second.js', 'export default async (_params, ctx) => ctx.trace;');
  const collector = await receiver(() => 200);
  for (const host of [one, two]) host.env.OTEL_EXPORTER_OTLP_ENDPOINT = collector.url;
  const daemons = { one: await one.daemon(), two: await two.daemon() };
  await eventually(async () => (await one.ask('status')).hosts[1]?.jobs.length === 2, 20_000);
  const traceId = '5'.repeat(32);
  const caller = { traceparent: `00-${traceId}-00f067aa0ba902b7-01`, tracestate: 'a=1' };
  one.env.TRACEPARENT = caller.traceparent;
  one.env.TRACESTATE = caller.tracestate;
  const first = await one.json('schedule', 'first');
  expect(first.trace).toEqual(caller);
  const ran = await one.until(first.id);
  expect(ran).toMatchObject({ trace: caller, attempts: [{ host: 'two' }] });
  const span = new RegExp(`^00-${traceId}-(?!00f067)[\\da-f]{16}-01$`);
  expect(ran.output).toMatchObject({ traceparent: expect.stringMatching(span), tracestate: 'a=1' });
  const second = await two.until(String(Number(first.id) + 1));
  const { traceparent } = ran.output;
  expect(second).toMatchObject({
    parent: first.id,
    trace: { traceparent, tracestate: 'a=1' },
    attempts: [{ host: 'one' }],
    output: { traceparent: expect.stringMatching(span) },
  });
  expect(second.output.traceparent, 'a span of its own').not.toBe(traceparent);
  const spanOf = (name: string): Promise<Doc> =>
    eventually(() => spansIn(collector.received).find((one) => one.name === name) ?? null);
  const partsOf = (text: string): string[] => text.split('-').slice(1, 3);
  for (const [name, own, parent] of [
    ['process first', traceparent, caller.traceparent],
    ['process second', second.output.traceparent, traceparent],
  ]) {
    const { traceId: trace, spanId, parentSpanId, links } = await spanOf(name);
    expect([trace, spanId, links], name).toEqual([...partsOf(own), []]);
    expect([trace, parentSpanId], name).toEqual(partsOf(parent));
  }

  delete one.env.TRACEPARENT;
  delete one.env.TRACESTATE;
  const apart = await one.json('schedule', 'second');
  expect(apart.trace).toBeNull();
  await one.until(apart.id);
  const tracesIn = (host: 'one' | 'two', run: string): string[] => {
    const told = daemons[host].log().split('\n').filter(Boolean);
    const traces = told.map((line) => JSON.parse(line)).filter((line) => line.run === run);
    return [...new Set(traces.flatMap(({ trace_id }) => trace_id ?? []))];
  };
  await eventually(() => tracesIn('one', apart.id).length > 0);
  expect([tracesIn('two', first.id), tracesIn('one', second.id)]).toEqual([[traceId], [traceId]]);
  expect(tracesIn('one', apart.id), 'a run without a caller has a trace of its own').not.toContain(
    traceId,
  );
}, 120_000);

it('a store that goes away stops nothing that runs, and what was reached meanwhile is kept when it is back', async () => {
  const server = await Server.start({ fsync: true });
  const { one } = await hosts(['one'], { store: server.store(), files, lease: '1m' });
  const daemon = await one.daemon();
  await one.json('schedule', 'where', '-p', 'ms:=3000');
  await eventually(() => one.ledger().length > 0, 20_000);
  await server.kill();
  const away = await one.cli(['schedule', 'where']);
  expect(away.code).toBe(8);
  expect(away.stderr).toMatch(/the store at 127\.0\.0\.1:\d+ cannot be reached/);
  await server.restart();
  expect(await one.until('1', ['done'], 30_000)).toMatchObject({
    attempts: [{ outcome: 'returned' }],
  });
  await one.json('schedule', 'where');
  expect((await one.until('2', ['done'], 30_000)).state).toBe('done');
  const lines = daemon
    .log()
    .split('\n')
    .filter((line) => line.includes('"code":"store-unreachable"'));
  expect(lines.map((line) => JSON.parse(line).msg)).toEqual([
    expect.stringMatching(/^the store at .* cannot be reached: .*nothing starts until it is back$/),
    'the store is back',
  ]);
}, 120_000);
