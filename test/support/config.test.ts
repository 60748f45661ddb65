// Where the project lies and what its config file says: order of sources, and each way to get it wrong.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CONFIG_FILE, loadConfig } from '../../src/support/config.ts';
import type { JobrunError } from '../../src/support/errors.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'jobrun-config-'));
});
afterEach(() => {
  rmSync(dir, { recursive: true });
});
const write = (content: unknown): void =>
  writeFileSync(
    join(dir, CONFIG_FILE),
    typeof content === 'string' ? content : JSON.stringify(content),
  );
const load = (env: Record<string, string> = {}, options = {}) => loadConfig(options, env, dir);

it('a variable for workers that no process can be started with is a mistake that names it', () => {
  for (const value of ['x'.repeat(130_000), 'a\0b']) {
    write({ env: { BIG: value } });
    expect(() => load()).toThrow(/env\.BIG must be a text of at most/);
  }
  write({ env: { BIG: 'x'.repeat(120_000) } });
  expect(load().env.BIG).toHaveLength(120_000);
});

describe('the project', () => {
  it('is the nearest folder upwards with jobs/ or a config, else where one stands', () => {
    const deep = join(dir, 'a', 'b');
    mkdirSync(deep, { recursive: true });
    mkdirSync(join(dir, 'jobs'));
    expect(loadConfig({}, {}, deep).dir).toBe(dir);
    writeFileSync(join(dir, 'a', CONFIG_FILE), '{}');
    expect(loadConfig({}, {}, deep).dir).toBe(join(dir, 'a'));
  });

  it('an option goes before the variable, the variable before looking', () => {
    expect(load({ JOBRUN_DIR: '/else' }).dir).toBe('/else');
    expect(load({ JOBRUN_DIR: '/else' }, { dir: 'x' }).dir).toBe(join(dir, 'x'));
    expect(load({ JOBRUN_DIR: '' }, { dir: dir }).dir).toBe(dir);
  });
});

describe('settings', () => {
  it('have defaults', () => {
    write({});
    expect(load()).toMatchObject({
      dir,
      jobs: join(dir, 'jobs'),
      state: join(dir, 'state'),
      workers: null,
      http: { listen: null, base: '', names: [], readOnly: false },
      drainMs: 30_000,
      timezone: new Intl.DateTimeFormat().resolvedOptions().timeZone,
      env: {},
      redact: [],
      notify: [],
      trace: { join: 60_000, headers: {} },
      keep: {},
      defaults: {},
    });
  });

  it('come from the option, else the variable, else the file', () => {
    write({
      state: 'from-file',
      workers: 3,
      timezone: 'Asia/Tokyo',
      drain: '5s',
      http: '127.0.0.1:1',
    });
    expect(load()).toMatchObject({
      state: join(dir, 'from-file'),
      workers: 3,
      timezone: 'Asia/Tokyo',
      drainMs: 5000,
    });
    const env = {
      JOBRUN_STATE: '/s',
      JOBRUN_WORKERS: '7',
      JOBRUN_TIMEZONE: 'UTC',
      JOBRUN_DRAIN: '1s',
      JOBRUN_HTTP: 'x:2',
    };
    expect(load(env)).toMatchObject({
      state: '/s',
      workers: 7,
      timezone: 'UTC',
      drainMs: 1000,
      http: { listen: 'x:2', base: '', names: [], readOnly: false },
    });
    expect(load(env, { stateDir: '/o' }).state).toBe('/o');
  });

  it('a wrong zone is told by the variable that names it', () => {
    write({ timezone: 'UTC' });
    expect(() => load({ JOBRUN_TIMEZONE: 'BST' })).toThrow(/^JOBRUN_TIMEZONE: "BST" means more/);
    write({});
    expect(() => load({ TZ: 'Foo/Bar' }).timezone).toThrow(/^TZ: there is no time zone "Foo/);
    expect(load({ TZ: '' }).timezone).toBe('UTC');
    // And where another zone is given, TZ is nobody's concern.
    expect(load({ TZ: 'Foo/Bar', JOBRUN_TIMEZONE: 'gb' }).timezone).toBe('Europe/London');
  });

  it('a wrong address is told by the variable that gives it', () => {
    write({});
    expect(() => load({ JOBRUN_HTTP: 'here' }).http).toThrow(/^JOBRUN_HTTP: "here" is no address/);
  });

  it('HTTP is an address, or an object whose address the variable replaces', () => {
    write({ http: '127.0.0.1:1' });
    expect(load().http).toEqual({ listen: '127.0.0.1:1', base: '', names: [], readOnly: false });
    write({ http: { base: '/jobs', names: ['jobs.example.com'], readOnly: true } });
    const own = { base: '/jobs', names: ['jobs.example.com'], readOnly: true };
    expect(load().http).toEqual({ ...own, listen: null });
    expect(load({ JOBRUN_HTTP: 'x:2' }).http).toEqual({ ...own, listen: 'x:2' });
  });

  it('what is kept is read with its units', () => {
    write({ keep: { done: '1d', failed: 5000, runs: 3, bytes: '2KB' } });
    expect(load().keep).toEqual({ done: 86_400_000, failed: 5000, runs: 3, bytes: 2048 });
  });

  it('the store is named by the file or, whole, by the variable; host and lease by theirs', () => {
    write({});
    expect(load()).toMatchObject({ store: null, host: hostname(), leaseMs: 30_000 });
    write({ engine: 'postgres://a@one/x?schema=s', host: 'web-1', lease: '3s' });
    const { store, host, leaseMs } = load();
    expect([store?.shown, host, leaseMs]).toEqual([
      'postgres://a@one:5432/x?schema=s',
      'web-1',
      3000,
    ]);
    const env = {
      JOBRUN_ENGINE: 'postgresql://b@two/y',
      JOBRUN_HOST: 'web-2',
      JOBRUN_LEASE: '1m',
    };
    const other = load(env);
    expect([other.store?.schema, other.store?.hosts, other.host, other.leaseMs]).toEqual([
      'jobrun',
      [{ name: 'two', port: 5432 }],
      'web-2',
      60_000,
    ]);
    expect(load({ JOBRUN_ENGINE: 'json' }).store).toBe(null);
  });

  it('a password stands in no message, and a file that has one says so', () => {
    write({ engine: 'postgres://a:secret@one/x' });
    const config = load();
    expect([config.tellsPassword, config.store?.password]).toEqual([true, 'secret']);
    expect(JSON.stringify(config)).not.toContain('secret');
    expect(inspect(config, { depth: 9 })).not.toContain('secret');
    expect(load({ JOBRUN_ENGINE: 'postgres://a:secret@one/x' }).tellsPassword).toBe(false);
    const wrong = [
      'mysql://a:secret@one/x',
      'postgres://a:sec/ret@one/x',
      'postgres://a:se@cret@one/x',
      'postgres://a:secret@one:x/x',
      'postgres://a:secret@one/x?what=secret',
      'postgres//a:secret@one/x',
    ];
    for (const engine of wrong) {
      write({ engine });
      expect(() => load()).toThrow(/^(?!.*(?:secret|ret@|cret)).*engine: /s);
    }
    write('{"engine": "postgres://a:secret@one/x" x}');
    expect(() => load()).toThrow(/^(?!.*secret).*is not JSON/s);
    write('{"engine": postgres://a:secret@one/x}');
    expect(() => load()).toThrow(/^(?!.*secret).*is not JSON: Unexpected token 'p'/s);
  });

  it('an engine that there is not is told with those that there are', () => {
    const errorOf = (engine: unknown): JobrunError => {
      write({ engine });
      try {
        load();
      } catch (error) {
        return error as JobrunError;
      }
      throw new Error('it was taken');
    };
    expect(errorOf('mysql://x/y').message).toMatch(/no engine "mysql": it is json, or .*postgres:/);
    expect(errorOf('redis://x').hint).toContain('may lose what it has acknowledged');
    expect(errorOf('postgres:/x').message).toContain('its URL cannot be read');
    expect(errorOf(5).message).toContain('engine must be a text, not 5');
    expect(errorOf('postgres://x/y?sslmod=require').hint).toBe('Did you mean "sslmode"?');
    expect(errorOf('mysql://x').code).toBe('bad-config');
  });

  it('an empty variable is none', () => {
    write({ workers: 3, timezone: 'UTC', drain: '5s', http: 'x:1' });
    const env = {
      JOBRUN_DIR: '',
      JOBRUN_STATE: '',
      JOBRUN_JOBS: '',
      JOBRUN_WORKERS: '',
      JOBRUN_TIMEZONE: '',
      JOBRUN_DRAIN: '',
      JOBRUN_HTTP: '',
    };
    expect(load(env)).toEqual(load());
  });
});

describe('what is wrong', () => {
  it.each([
    ['a misspelt key', { wrokers: 3 }, 'the file has no setting "wrokers"', 'workers'],
    ['a word of other programs', { concurrency: 3 }, 'no setting "concurrency"', '"workers"'],
    ['the port alone', { port: 9464 }, 'no setting "port"', '"http"'],
    ['a field of a job', { retries: 3 }, 'no setting "retries"', 'write it in "defaults"'],
    ['a port within http', { http: { port: 1 } }, 'http has no setting "port"', '"listen"'],
    ['a key of every object', { constructor: 1 }, 'constructor', ''],
    ['no JSON', '{ "workers": 3,', 'is not JSON', ''],
    ['no object', [], 'the file', ''],
    ['too few workers', { workers: 0 }, 'workers must be a whole number from 1 to 1000', ''],
    ['workers as text', { workers: 'many' }, 'workers', ''],
    [
      'a zone that is none',
      { timezone: 'Europe/Berln' },
      'timezone: there is no time zone "Europe/Berln"',
      'Europe/Berlin',
    ],
    [
      'a duration without unit',
      { drain: '30' },
      "drain must be a duration: milliseconds or a text such as '500ms', '90s'",
      '',
    ],
    ['a duration in words', { drain: '1 minute' }, 'drain must be a duration', 'Write it as "1m"'],
    ['a number of no unit', { drain: '60' }, 'drain must be a duration', 'its unit: "60s", "60m"'],
    ['an empty folder', { state: '' }, 'state must be a text that is not empty, not ""', ''],
    ['a lease too short', { lease: '1s' }, 'lease must be at least 3s', ''],
    ['one rule without its list', { notify: {} }, 'notify must be a list such as [{ "on"', ''],
    ['env as a list', { env: ['A=1'] }, 'env must be an object such as { "NODE_ENV"', ''],
    ['a comment', '{\n  "workers": 8, // eight\n}', 'in line 2, column 17', 'Comments'],
    ['env that is no text', { env: { A: 1 } }, 'env', ''],
    ['state that is no text', { state: 5 }, 'state', ''],
    ['one env that is no text', { env: { A: 'x', B: 1 } }, 'env.B must be a text, not 1', ''],
    [
      'a name in redact that is no text',
      { redact: ['a', 1] },
      'redact[1] must be a text, not 1',
      '',
    ],
    ['redact that is no list', { redact: 'token' }, 'redact must be a list such as ["pass', ''],
    ['a misspelt bound', { keep: { runz: 3 } }, 'keep has no setting "runz"', 'runs'],
    [
      'a misspelt time to keep',
      { keep: { faild: '90d' } },
      'keep has no setting "faild"',
      'failed',
    ],
    ['a bound that is none', { keep: { runs: -1 } }, 'keep.runs must be a whole number from 0', ''],
    ['a size that is none', { keep: { bytes: '5 apples' } }, 'keep.bytes must be a size', ''],
    ['a time to keep that is none', { keep: { done: 'x' } }, 'keep.done must be a duration', ''],
    ['a list for keep', { keep: [] }, 'keep must be an object', ''],
    [
      'an address that is none',
      { http: '127.0.0.1:99999' },
      'http: "127.0.0.1:99999" is no address to serve on',
      '127.0.0.1:9464',
    ],
    [
      'a path that is none',
      { http: { base: 'jobs' } },
      "http.base must be a path such as '/jobs'",
      '',
    ],
    [
      'a host name that is none',
      { http: { names: ['http://x'] } },
      'http.names[0] must be a host name',
      '',
    ],
    ['a misspelt setting of HTTP', { http: { name: [] } }, 'http has no setting "name"', '"names"'],
    [
      'an address that is no text',
      { http: 9464 },
      "http must be an address such as '127.0.0.1:9464', not 9464",
      '',
    ],
  ])('%s is refused, with file and key', (_what, content, message, hint) => {
    write(content);
    expect(() => ({ ...load() })).toThrow(
      expect.objectContaining({
        code: 'bad-config',
        message: expect.stringContaining(message),
        hint: expect.stringContaining(hint),
      }),
    );
    expect(() => ({ ...load() })).toThrow(CONFIG_FILE);
  });

  it.each([
    [{ JOBRUN_WORKERS: 'many' }, 'JOBRUN_WORKERS'],
    [{ JOBRUN_DRAIN: '30' }, 'JOBRUN_DRAIN'],
    [{ JOBRUN_LEASE: '2s' }, 'JOBRUN_LEASE'],
    [{ JOBRUN_ENGINE: 'redis://x' }, 'JOBRUN_ENGINE'],
    [{ JOBRUN_TIMEZONE: 'Mars/Base' }, 'JOBRUN_TIMEZONE'],
  ])('a variable is named, and not the file that has no such mistake: %j', (env, name) => {
    write({});
    expect(() => load(env)).toThrow(name);
    expect(() => load(env)).not.toThrow(CONFIG_FILE);
  });
});
