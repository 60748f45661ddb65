// Trace context: that of the daemon belongs to whoever started it, and to no run; that of a caller goes along with its
// run, from each way in, to the job and to what the job emits.
import { expect, test } from 'vitest';
import { ApiProject, apiProject } from '../helpers/api.ts';
import { ask, receiver } from '../helpers/http.ts';
import { external, OutsideWorker } from '../helpers/outside.ts';
import { type Doc, eventually } from '../helpers/project.ts';

const NAMES = ['TRACEPARENT', 'TRACESTATE', 'BAGGAGE'];
const traceId = (n: number): string => String(n).repeat(32);
const parentOf = (n: number): string => `00-${traceId(n)}-00f067aa0ba902b7-01`;

test('neither jobs, commands nor notifications inherit the trace of the daemon; all else of its environment they do', async () => {
  const said = `JSON.stringify([...${JSON.stringify(NAMES)}, 'OTHER'].map((name) => process.env[name] ?? null))`;
  const project = new ApiProject({
    'jobs/module.mjs': `export default () => JSON.parse(${said});`,
    'jobs/shell.sh': `#!/bin/sh\nnode -e "console.log('::output ' + ${said.replaceAll('"', "'")})"\n`,
    'tell.mjs': `import { writeFileSync } from 'node:fs';\nwriteFileSync('told.json', ${said});`,
    'jobrun.config.json': JSON.stringify({
      notify: [{ on: ['done'], job: 'module', command: [process.execPath, 'tell.mjs'] }],
    }),
  });
  for (const name of [...NAMES, 'OTHER']) project.env[name] = `of the daemon: ${name}`;
  // None of the traces that begin here is sent, and what the job calls is told so.
  project.env.OTEL_EXPORTER_OTLP_ENDPOINT = 'http://127.0.0.1:9';
  project.env.OTEL_TRACES_SAMPLER = 'always_off';
  await project.daemon();
  for (const name of NAMES) delete project.env[name];
  const expected = [null, null, null, 'of the daemon: OTHER'];
  const { id } = await project.json('schedule', 'module');
  expect((await project.until(id)).output).toEqual(expected);
  const shell = await project.json('schedule', 'shell');
  expect((await project.until(shell.id)).output, 'a command has those of its own attempt').toEqual([
    expect.stringMatching(/^00-[\da-f]{32}-[\da-f]{16}-00$/),
    null,
    `jobrun.job=shell,jobrun.run=${shell.id},jobrun.attempt=1`,
    'of the daemon: OTHER',
  ]);
  const told = await eventually(() => project.ledger('told.json')[0] ?? null);
  expect(told).toEqual(expected);
});

test('the trace of a caller goes with its run: from the command line, a batch line, a header, an attempt, and to workers outside', async () => {
  const project = await apiProject({
    'jobs/show.mjs': `export default async (params, ctx) => {
  await ctx.emit('shell');
  return ctx.trace;
};`,
    'jobs/shell.sh': '#!/bin/sh\necho "::output \\"$TRACEPARENT $TRACESTATE\\""\n',
    'jobs/resize.json': external(),
  });
  Object.assign(project.env, { TRACEPARENT: parentOf(1), TRACESTATE: 'a=1' });
  const typed = await project.json('schedule', 'show');
  expect(typed.trace).toEqual({ traceparent: parentOf(1), tracestate: 'a=1' });
  project.write(
    'lines.jsonl',
    ['{"job":"shell"}', JSON.stringify({ job: 'shell', traceparent: parentOf(2) })].join('\n'),
  );
  const batch = (await project.cli(['schedule', '--batch', 'lines.jsonl', '--json'])).stdout;
  const lines: Doc[] = batch
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(lines.map(({ trace }) => trace.traceparent)).toEqual([parentOf(1), parentOf(2)]);
  for (const name of NAMES) delete project.env[name];
  const traced = { traceparent: parentOf(3), tracestate: 'b=2' };
  const { json: posted } = await project.api('POST', 'runs', { job: 'show' }, traced);
  expect(posted.trace).toEqual(traced);
  const bad = await project.api(
    'POST',
    'runs',
    { job: 'show', traceparent: 5 },
    { traceparent: 'x' },
  );
  expect([bad.status, bad.json.trace]).toEqual([201, null]);

  const own = (await project.until(typed.id)).output;
  expect(own).toEqual({
    traceparent: expect.stringMatching(new RegExp(`^00-${traceId(1)}-(?!00f067)[\\da-f]{16}-01$`)),
    tracestate: 'a=1',
    baggage: `jobrun.job=show,jobrun.run=${typed.id},jobrun.attempt=1`,
  });
  const all = async (): Promise<Doc[]> => (await project.get('runs')).runs;
  const child = await eventually(async () =>
    (await all()).find(({ parent }) => parent === typed.id),
  );
  expect(child?.trace).toEqual({ traceparent: own.traceparent, tracestate: 'a=1' });
  const [parent, state] = String((await project.until(child?.id)).output).split(' ');
  expect([parent?.slice(0, 36), state]).toEqual([`00-${traceId(1)}-`, 'a=1']);
  expect(parent, 'each attempt has a span of its own').not.toBe(own.traceparent);

  const worker = new OutsideWorker(project);
  await project.api('POST', 'runs', { job: 'resize' }, traced);
  const [lease] = await worker.take();
  expect(lease?.traceparent).toMatch(new RegExp(`^00-${traceId(3)}-`));
  const { json: heard } = await worker.says(lease?.lease, { emit: [{ job: 'resize', in: '1h' }] });
  const emitted = await project.get(`runs/${heard.emitted[0]}`);
  expect(emitted.trace).toEqual({ traceparent: lease?.traceparent, tracestate: 'b=2' });
});

/** What `@opentelemetry/api` and its context manager put behind their global symbol, as small as it can be. */
const OPENTELEMETRY = `import { AsyncLocalStorage } from 'node:async_hooks';
const storage = new AsyncLocalStorage();
const context = (values) => ({
  getValue: (key) => values.get(key),
  setValue: (key, value) => context(new Map(values).set(key, value)),
});
const ROOT = context(new Map());
export const manager = {
  active: () => storage.getStore() ?? ROOT,
  with: (active, fn) => storage.run(active, fn),
};
globalThis[Symbol.for('opentelemetry.js.api.1')] = { version: '1.9.0', context: manager };
export const SPAN = Symbol.for('OpenTelemetry Context Key SPAN');
`;

test('where a program has OpenTelemetry, a job runs in the context of its attempt, and what it schedules within a span belongs to that', async () => {
  const project = await apiProject({
    'opentelemetry.mjs': OPENTELEMETRY,
    'jobs/spans.mjs': `import { connect } from 'jobrun';
import { manager, SPAN } from '../opentelemetry.mjs';
export default async (params, ctx) => {
  await new Promise((resolve) => setTimeout(resolve, 1));
  const { traceId, spanId, traceFlags, isRemote } = manager.active().getValue(SPAN).spanContext();
  const inner = { spanContext: () => ({ traceId, spanId: '1234567890abcdef', traceFlags }) };
  const jobs = await connect();
  const made = await manager.with(manager.active().setValue(SPAN, inner), () =>
    jobs.schedule('other', {}, { in: '1h' }));
  await jobs.close();
  return { active: [traceId, spanId, traceFlags, isRemote], own: ctx.trace.traceparent, made: made.trace };
};`,
    'jobs/other.mjs': 'export default () => 1;',
  });
  const { json } = await project.api('POST', 'runs', { job: 'spans' });
  const { state, output, error } = await project.until(json.id);
  expect([state, error]).toEqual(['done', null]);
  const [, trace, span] = output.own.split('-');
  expect(output.active).toEqual([trace, span, 1, true]);
  expect(output.made.traceparent).toBe(`00-${trace}-1234567890abcdef-01`);
});

/** The spans that a collector has got, by the name of their job and the number of the attempt. */
const spansIn = (received: readonly { readonly body: string }[]): Doc[] =>
  received.flatMap(({ body }) =>
    JSON.parse(body).resourceSpans.flatMap((one: Doc) =>
      one.scopeSpans.flatMap(({ spans }: Doc) => spans),
    ),
  );

const valuesOf = (list: Doc[]): Doc =>
  Object.fromEntries(list.map(({ key, value }) => [key, Object.values(value)[0]]));

test('attempts are sent to a collector as spans: children of the caller, retries linked, failures with their exception', async () => {
  const collector = await receiver((_, before) => (before === 0 ? 503 : 200));
  const project = await apiProject({
    'jobs/order.mjs': `export default {
  retries: { limit: 1, delay: 1 },
  run: async (params, ctx) => {
    if (ctx.attempt === 1) throw new TypeError('no stock');
    await ctx.step('reserve', () => 'hidden too');
    await ctx.emit('receipt');
  },
};`,
    'jobs/receipt.sh': '#!/bin/sh\nexit 0\n',
    'jobrun.config.json': JSON.stringify({
      trace: { to: collector.url, headers: { 'x-team': 'a' }, link: 'https://tool.test/{traceId}' },
    }),
  });
  const caller = { traceparent: parentOf(5), tracestate: 'a=1' };
  const { json } = await project.api(
    'POST',
    'runs',
    { job: 'order', params: { card: 'hidden' } },
    caller,
  );
  const spans = await eventually(() => {
    const all = spansIn(collector.received.slice(1));
    return all.length >= 4 ? all : null;
  });
  expect(collector.received[1]).toMatchObject({ url: '/v1/traces', type: 'application/json' });
  // The emitted run may end before the attempt that emitted it.
  const [failed, done] = spans.filter(({ name }) => name === 'process order') as [Doc, Doc];
  const receipt = spans.find(({ name }) => name === 'process receipt');
  const step = spans.find(({ name }) => name === 'step reserve');
  expect(step).toMatchObject({ kind: 1, traceId: done.traceId, parentSpanId: done.spanId });
  expect(step?.spanId).not.toBe(done.spanId);
  expect(step?.endTimeUnixNano <= done.endTimeUnixNano, 'it ends with its attempt or before').toBe(
    true,
  );
  const { traceUrl } = await project.until(json.id);
  expect(traceUrl, 'that of its latest attempt').toBe(`https://tool.test/${done.traceId}`);
  expect(failed).toEqual({
    ...{ traceId: traceId(5), spanId: expect.stringMatching(/^[\da-f]{16}$/) },
    ...{ parentSpanId: '00f067aa0ba902b7', traceState: 'a=1', name: 'process order', kind: 5 },
    startTimeUnixNano: expect.stringMatching(/^\d{19}$/),
    endTimeUnixNano: expect.stringMatching(/^\d{19}$/),
    attributes: expect.any(Array),
    events: [
      {
        attributes: expect.any(Array),
        ...{ name: 'exception', timeUnixNano: failed.endTimeUnixNano, droppedAttributesCount: 0 },
      },
    ],
    ...{ droppedAttributesCount: 0, droppedEventsCount: 0, links: [], droppedLinksCount: 0 },
    ...{ status: { code: 2, message: 'no stock' }, flags: 0x301 },
  });
  expect(valuesOf(failed.attributes)).toEqual({
    ...{ 'messaging.system': 'jobrun', 'messaging.operation.name': 'process' },
    ...{ 'messaging.operation.type': 'process', 'messaging.destination.name': 'order' },
    ...{ 'messaging.message.id': json.id, 'jobrun.attempt': 1, 'jobrun.outcome': 'threw' },
    ...{ 'jobrun.start_delay_ms': expect.any(Number), 'error.type': 'TypeError' },
  });
  expect(valuesOf(failed.events[0].attributes)).toMatchObject({
    ...{ 'exception.type': 'TypeError', 'exception.message': 'no stock' },
  });
  expect(done.traceId).not.toBe(traceId(5));
  expect(done).toMatchObject({ status: { code: 0 }, events: [], flags: 0x101 });
  expect(done.links.map((one: Doc) => [one.traceId, one.spanId])).toEqual([
    [traceId(5), '00f067aa0ba902b7'],
    [traceId(5), failed.spanId],
  ]);
  expect(receipt).toMatchObject({ traceId: done.traceId, parentSpanId: done.spanId });
  expect(collector.received.map(({ body }) => body).join()).not.toContain('hidden');
  const resource = JSON.parse(collector.received[1]?.body ?? '').resourceSpans[0].resource;
  expect(valuesOf(resource.attributes)).toMatchObject({ 'service.name': 'jobrun' });
  const metrics = await ask(`${project.url}/metrics`);
  expect(metrics.body).toContain('jobrun_spans_total{result="sent"} 4');
});

test('a collector that hangs slows no run and no stop; another protocol stops the start', async () => {
  const collector = await receiver(() => null);
  const project = await apiProject({
    'jobs/quick.mjs': 'export default () => 1;',
    'jobrun.config.json': JSON.stringify({ trace: { to: collector.url } }),
  });
  const { json } = await project.api('POST', 'runs', { job: 'quick' });
  await project.until(json.id);
  await eventually(() => collector.received.length > 0);
  const { json: second } = await project.api('POST', 'runs', { job: 'quick' });
  expect((await project.until(second.id)).state).toBe('done');
  expect((await project.cli(['stop'])).code).toBe(0);
  project.env.OTEL_EXPORTER_OTLP_PROTOCOL = 'grpc';
  const refused = await project.cli(['daemon']);
  expect([refused.code, refused.stderr]).toEqual([
    2,
    expect.stringContaining('grpc is not spoken'),
  ]);
}, 60_000);
