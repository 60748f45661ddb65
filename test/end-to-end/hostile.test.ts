// What nobody should send, sent to a daemon that works: each is refused with its error before it costs anything, and
// afterwards the daemon is as it was.
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { FrameReader } from '../../src/api/protocol.ts';
import { encodeFrame } from '../helpers/frames.ts';
import { type Doc, eventually, Project } from '../helpers/project.ts';

const JOBS = { 'jobs/mail.js': 'export default (params) => params;' };
const COMMANDS = [
  'schedule',
  'run',
  'abort',
  'update',
  'retry',
  'rerun',
  'complete',
  'fail',
  'list',
  'show',
  'logs',
  'wait',
  'jobs',
  'schedules',
  'unschedule',
  'next',
  'pause',
  'resume',
  'remove',
  'prune',
  'events',
  'status',
  'init',
];
/** Each field that any command reads, as something else than it should be. */
const FIELDS = [
  'id',
  'ids',
  'job',
  'lines',
  'following',
  'name',
  'states',
  'limit',
  'keep',
  'params',
  'what',
];
const ODD = [
  {},
  ...[null, 1, 'x', [], {}, [null], [{}], { toString: 1 }].map((value) =>
    Object.fromEntries(FIELDS.map((name) => [name, value])),
  ),
  { lines: [null] },
  { lines: [{ line: 1, run: 1 }] },
];
const MB = 1024 * 1024;
const ESC = '\u001b';

const deep = (levels: number): string => '['.repeat(levels) + ']'.repeat(levels);

/** Sends bytes as they are. Resolves with what was answered when the other side has closed, or after the given time. */
function send(project: Project, bytes: Buffer, waitMs = 10_000): Promise<Doc[]> {
  const socket = connect(join(project.state, 'jobrun.sock'));
  const reader = new FrameReader(2 ** 28);
  const told: Doc[] = [];
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => {
      socket.destroy();
      reject(new Error(`still open after ${waitMs} ms`));
    }, waitMs);
    socket.on('connect', () => socket.write(bytes));
    socket.on('data', (chunk: Buffer) => told.push(...reader.read(chunk)));
    socket.on('error', () => undefined);
    socket.on('close', () => {
      clearTimeout(late);
      resolve(told);
    });
  });
}

/** One request, and its answer. */
function ask(project: Project, command: string, args: unknown): Promise<Doc> {
  const socket = connect(join(project.state, 'jobrun.sock'));
  const reader = new FrameReader(2 ** 28);
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error('no answer')), 10_000);
    socket.on('error', reject);
    socket.on('connect', () => socket.write(encodeFrame({ v: 1, id: 1, command, args }, 2 ** 28)));
    socket.on('data', (chunk: Buffer) => {
      for (const reply of reader.read(chunk)) {
        clearTimeout(late);
        socket.destroy();
        resolve(reply);
      }
    });
  });
}

const residentMb = (pid: number): number =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;

const seen = new Set<string>();

type Refused = readonly [args: readonly string[], exit: number, code: string];

/** Refused on the command line: the exit code, the code in the JSON, and no letter that a terminal acts on. */
async function refused(project: Project, ...all: readonly Refused[]): Promise<void> {
  // As text once for each command and code, and wherever something is named that a terminal acts on.
  const asText = all.filter(([args, , code]) => {
    const kind = `${args[0]} ${code}`;
    const isNew = !seen.has(kind);
    seen.add(kind);
    return isNew || !/^[ -~]*$/.test(args.join(' '));
  });
  const plains = await project.calls(asText.map(([args]) => args));
  for (const [i, plain] of plains.entries()) {
    const [args, exit] = asText[i] as Refused;
    expect([args, plain.code, plain.stdout]).toEqual([args, exit, '']);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
    expect(plain.stderr).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
    expect(plain.stderr).toMatch(/^error: .+\n {2}\S/);
    expect(plain.stderr).not.toContain('    at ');
  }
  const jsons = await project.calls(all.map(([args]) => [...args, '--json']));
  for (const [i, json] of jsons.entries()) {
    const [args, exit, code] = all[i] as Refused;
    expect([args, json.code, json.stdout]).toEqual([args, exit, '']);
    const { error } = JSON.parse(json.stderr);
    expect([args, error.code]).toEqual([args, code]);
    expect([error.message.length > 0, error.hint.length > 0]).toEqual([true, true]);
  }
}

describe('on the command line', () => {
  test('names that are none, and jobs, runs and schedules that do not exist', async () => {
    const project = new Project(JOBS);
    await project.daemon();
    const names = ['../mail', '/etc/passwd', 'a//b', '.hidden', '_private', 'a/../b', ''];
    const odd = [...names, `${ESC}[31mred`, 'm\u202eail', 'a b', 'ä', 'x'.repeat(101)];
    const commands = ['show', 'logs', 'abort', 'update', 'retry', 'rerun', 'remove', 'wait'];
    const ids = ['0', '01', '1e3', '1.5', '9'.repeat(30), `1${ESC}[2J`];
    const on = (command: string): readonly Refused[] => {
      const more = command === 'update' ? ['--now'] : [];
      return [
        [[command, '99', ...more], 3, 'unknown-run'],
        [[command, 'one', ...more], 2, 'bad-option'],
      ];
    };
    await refused(
      project,
      ...odd.map((name): Refused => [['schedule', name], 2, 'bad-option']),
      [['schedule', 'mial'], 3, 'unknown-job'],
      ...commands.flatMap(on),
      ...ids.map((id): Refused => [['show', id], 2, 'bad-option']),
    );
    expect((await project.cli(['schedule', 'mial'])).stderr).toContain('Did you mean "mail"?');
    expect((await project.json('status')).counts.queued).toBe(0);
    expect((await project.json('list')).total, 'nothing was accepted').toBe(0);
  }, 120_000);

  test('params that are too large, too deep, no JSON, or that would change what objects are', async () => {
    const project = new Project(JOBS);
    await project.daemon();
    const file = project.write('large.json', JSON.stringify({ text: 'x'.repeat(MB) }));
    project.write('huge.json', JSON.stringify({ text: 'x'.repeat(20 * MB) }));
    const mail = (code: string, option: string, params: string): Refused => [
      ['schedule', 'mail', option, params],
      2,
      code,
    ];
    await refused(
      project,
      mail('too-large', '--params', `@${file}`),
      mail('too-large', '--params', '@huge.json'),
      mail('too-large', '--params', deep(101)),
      mail('too-large', '--params', deep(50_000)),
      mail('bad-params', '--params', '{"__proto__":{}}'),
      mail('bad-params', '--params', '{"a":[{"__proto__":1}]}'),
      mail('bad-params', '-p', '__proto__=x'),
      mail('bad-params', '-p', '__proto__:={"a":1}'),
      mail('bad-option', '--params', '{'),
      mail('bad-option', '--params', 'undefined'),
      mail('bad-option', '--params', '@none.json'),
      mail('bad-option', '--params', 'NaN'),
      mail('bad-option', '-p', 'novalue'),
    );
    const ok = await project.cli(['schedule', 'mail', '--params', deep(100), '-q']);
    expect([ok.code, ok.stdout], 'a hundred levels are allowed').toEqual([0, '1\n']);
    expect((await project.json('list')).total).toBe(1);
  }, 120_000);

  test('times that are none, or that can be read in two ways', async () => {
    const project = new Project(JOBS);
    project.env.TZ = 'Europe/Berlin';
    await project.daemon();
    const ats = ['01/02/2027', '5', '25:00', '2027-02-30', '2027-03-28 02:30', 'soon', ''];
    const ins = ['5', '-5s', 'soon', '1e9s', ''];
    await refused(
      project,
      ...ats.map((at): Refused => [['schedule', 'mail', '--at', at], 2, 'bad-time']),
      ...ins.map((time): Refused => [['schedule', 'mail', `--in=${time}`], 2, 'bad-time']),
      [['schedule', 'mail', '--cron', '61 * * * *'], 2, 'bad-time'],
      [['schedule', 'mail', '--at', 'now', '--in', '5s'], 2, 'bad-option'],
    );
    expect((await project.json('list')).total).toBe(0);
    const far = await project.json('schedule', 'mail', '--at', '9999-12-31 23:59:59');
    expect([far.state, far.dueAt]).toEqual(['scheduled', '9999-12-31T22:59:59.000Z']);
  }, 120_000);

  test('words that are no option or command get the one that was meant', async () => {
    const project = new Project(JOBS);
    const wrong = (...args: string[]): Refused => [args, 2, 'bad-option'];
    await refused(
      project,
      wrong('shedule', 'mail'),
      wrong('schedule', 'mail', '--prioriti', '1'),
      wrong('schedule'),
      wrong('list', '--limit', 'many'),
      wrong('list', '--state', 'finished'),
    );
    expect((await project.cli(['shedule', 'mail'])).stderr).toContain('schedule');
    expect((await project.cli(['schedule', 'mail', '--prioriti', '1'])).stderr).toContain(
      '--priority',
    );
  }, 60_000);

  test('lines of a batch are refused one by one, and the others are accepted', async () => {
    const project = new Project(JOBS);
    const lines = ['{"job":"mail"}', '{', '{"job":"../x"}', '{"job":"mail","params":{"a":1}}'];
    lines.push('{"job":"none"}', '{"job":"mail","params":{"__proto__":1}}', '{"job":"mail","x":1}');
    lines.push(`{"job":"mail","params":${deep(2000)}}`, '{"job":"mail","at":"soon"}', '[]', '"a"');
    lines.push(JSON.stringify({ job: 'mail', params: 'x'.repeat(5 * MB) }));
    const result = await project.cli(['schedule', '--batch', '-', '--json'], lines.join('\n'));
    expect(result.code).toBe(1);
    const told = result.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(told.map((one: Doc) => one.error?.code ?? one.id)).toEqual([
      '1',
      'bad-request',
      'bad-option',
      '2',
      'unknown-job',
      'bad-params',
      'bad-option',
      'too-large',
      'bad-time',
      'bad-request',
      'bad-request',
      'too-large',
    ]);
    expect(told.flatMap((one: Doc) => one.line ?? [])).toEqual([2, 3, 5, 6, 7, 8, 9, 10, 11, 12]);
    expect((await project.json('list')).total).toBe(2);
  }, 60_000);
});

describe('on the socket', () => {
  test('garbage, huge lengths and frames that never end are cut off; the daemon is as it was', async () => {
    const project = new Project(JOBS);
    const daemon = await project.daemon();
    await project.json('run', 'mail');
    const before = await project.json('status');
    const memory = residentMb(daemon.pid);

    const [greeting] = await send(project, Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n'));
    expect(greeting).toMatchObject({ ok: false, error: { code: 'bad-request' } });
    const huge = Buffer.from([0xff, 0xff, 0xff, 0xff, 0x7b]);
    const noise = Buffer.alloc(MB, 0xa5);
    const noJson = Buffer.concat([Buffer.from([0, 0, 0, 4]), Buffer.from('{{{{')]);
    const empty = Buffer.from([0, 0, 0, 0]);
    for (const bytes of [huge, noise, noJson, empty])
      for (const told of await send(project, bytes)) expect(told.ok).toBe(false);
    // Twenty clients that announce 4 MB each and send almost all of it, but never the end.
    const stalled = Buffer.alloc(4 * MB, 0x20);
    stalled.writeUInt32BE(4 * MB, 0);
    // If all arrive evenly, they fill the room for requests before one is whole, and are cut off one after the other
    // until the others have room: up to five times ten seconds.
    const sent = Array.from({ length: 20 }, () => send(project, stalled, 100_000));
    expect((await project.cli(['status'])).code).toBe(0);
    await Promise.all(sent);

    const after = await project.json('status');
    expect(after).toEqual({ ...before, workers: after.workers });
    expect((await project.cli(['run', 'mail'])).code).toBe(0);
    expect(daemon.log()).not.toMatch(/"level":(?:50|60)/);
    await eventually(() => residentMb(daemon.pid) < memory + 120, 20_000);
  }, 180_000);

  test('requests that are none are refused by name, and change nothing', async () => {
    const project = new Project(JOBS);
    await project.daemon();
    const code = async (command: string, args: unknown): Promise<string> =>
      (await ask(project, command, args)).error?.code ?? 'accepted';
    const schedule = (run: object): Promise<string> => code('schedule', run);
    expect(await schedule({ job: 'mail\u0000' })).toBe('bad-option');
    expect(await schedule({ job: '../../etc/passwd' })).toBe('bad-option');
    expect(await schedule({ job: ['mail'] })).toBe('bad-option');
    expect(await schedule({ job: { toString: 1 } })).toBe('bad-option');
    expect(await code('show', { id: { toString: 1 } })).toBe('bad-option');
    expect(await schedule({})).toBe('bad-option');
    expect(await schedule({ job: 'mail', params: JSON.parse(deep(101)) })).toBe('too-large');
    expect(await schedule({ job: 'mail', params: 'x'.repeat(MB) })).toBe('too-large');
    expect(await schedule({ job: 'mail', params: JSON.parse('{"__proto__":1}') })).toBe(
      'bad-params',
    );
    expect(await schedule({ job: 'mail', priority: 'high' })).toBe('bad-request');
    expect(await schedule({ job: 'mail', priority: 1e300 })).toBe('bad-request');
    expect(await schedule({ job: 'mail', dueAt: 'soon' })).toBe('bad-time');
    expect(await schedule({ job: 'mail', key: 'k'.repeat(501) })).toBe('bad-request');
    expect(await schedule({ job: 'mail', after: ['1; rm'] })).toBe('bad-option');
    expect(await schedule({ job: 'mail', after: ['7'] })).toBe('unknown-run');
    expect(await code('constructor', {})).toBe('bad-request');
    expect(await code('__proto__', {})).toBe('bad-request');
    for (const command of [
      'schedule',
      'show',
      'abort',
      'logs',
      'list',
      'update',
      'remove',
      'prune',
    ])
      for (const args of [null, [], 'x', 1])
        expect([command, args, await code(command, args)]).toEqual([command, args, 'bad-request']);
    const defects: unknown[] = [];
    for (const command of COMMANDS)
      for (const args of ODD)
        if ((await code(command, args)) === 'internal') defects.push([command, args]);
    expect(defects).toEqual([]);
    for (const id of ['../1', null, 1, '1\u0000', {}, [], '-1'])
      expect(await code('show', { id })).toBe('bad-option');
    expect((await project.json('list')).total).toBe(0);
    expect((await project.cli(['status'])).code).toBe(0);
  }, 60_000);
});
