// The form for a new run: fields from the schema, the time as it is typed, and the request that comes out.
import { describe, expect, it } from 'vitest';
import { askAbort, askPause, askRetry } from '../../src/dashboard/asks.ts';
import {
  editForm,
  type Form,
  faultOf,
  formFor,
  readForm,
  refusedForm,
} from '../../src/dashboard/form.ts';
import { readKeys } from '../../src/dashboard/key-reader.ts';
import { readWhen } from '../../src/dashboard/when.ts';
import { NOW, rowOf } from '../helpers/models.ts';

const here = { now: NOW, timezone: 'UTC' };
const job = {
  name: 'import',
  state: 'ok',
  description: null,
  file: 'jobs/x.ts',
  params: {
    type: 'object',
    properties: {
      file: { type: 'string', description: 'the file' },
      limit: { type: 'number', default: 100 },
      mode: { enum: ['fast', 'safe'] },
      dry: { type: 'boolean' },
    },
    required: ['file', 'limit'],
  },
};

const typed = (form: Form, input: string): Form =>
  readKeys(input, true).keys.reduce((next, key) => editForm(next, key) ?? next, form);

describe('a form', () => {
  it('has a field for each param, and when, key and priority', () => {
    const { fields } = formFor(job);
    expect(fields.map(({ name, hint, required }) => [name, hint, required])).toEqual([
      ['file', 'string · the file', true],
      ['limit', 'number · default 100', false],
      ['mode', 'one of fast, safe', false],
      ['dry', 'one of true, false', false],
      ['when', expect.any(String), false],
      ['key', expect.any(String), false],
      ['priority', expect.any(String), false],
    ]);
  });

  it('asks for what was typed, as texts that the schema turns into values', () => {
    const form = typed(formFor(job), 'spring.csv\r50\r  \rtrue\rin 20m\rweekly\r7');
    const read = readForm(form, here);
    expect(read.ok && read.request.args).toEqual({
      job: 'import',
      texts: [
        ['file', 'spring.csv'],
        ['limit', '50'],
        ['mode', 'safe'],
        ['dry', 'true'],
      ],
      inMs: 1_200_000,
      key: 'weekly',
      priority: 7,
    });
  });

  it('goes to the first field that is wrong', () => {
    expect(readForm(formFor(job), here)).toEqual({ ok: false, error: 'file is needed', at: 0 });
    const late = typed(formFor(job), 'a\t\t\t\t01/02/2026');
    expect(readForm(late, here)).toMatchObject({ ok: false, at: 4 });
  });

  it('says at a field what is wrong with it while it is typed, and that it is needed once it is left', () => {
    const faults = (form: Form): string[] => form.fields.map((field) => faultOf(field, here));
    expect(faults(formFor(job)).join('')).toBe('');
    const form = typed(formFor(job), '\t5x\t\t\tnever\t\tx');
    expect(faults(form)).toEqual([
      'file is needed',
      'a number is asked for',
      ...['', ''],
      expect.stringContaining('never'),
      '',
      'the priority is a whole number',
    ]);
    expect(faults(typed(formFor(job), 'a\t5'))[1]).toBe('');
  });

  it('shows a refusal of the daemon at its field until that is typed on, and one of no field below', () => {
    const form = typed(formFor(job), 'a\r-5\r');
    const refused = refusedForm(form, 'the params do not fit import:\nlimit: too small');
    expect([refused.at, refused.error, faultOf(refused.fields[1] as never, here)]).toEqual([
      ...[1, '', 'too small'],
    ]);
    expect(faultOf(typed(refused, '0').fields[1] as never, here)).toBe('');
    expect(refusedForm(form, 'the store is away')).toMatchObject({ error: 'the store is away' });
  });

  it('begins with the params of another run, but for hidden ones, and keeps what no field is there for', () => {
    const like = (params: object) =>
      formFor(job, { id: '12', priority: 7, params: params as never });
    expect(
      like({ file: 'a.csv', limit: 3, mode: '***' }).fields.map(({ line }) => line.text),
    ).toEqual(['a.csv', '3', '', '', '', '', '7']);
    const [all] = like({ file: 'a.csv', odd: [1] }).fields;
    expect([all?.kind, JSON.parse(all?.line.text ?? '')]).toEqual([
      ...['json', { file: 'a.csv', odd: [1] }],
    ]);
  });

  it('takes JSON where a job has no schema', () => {
    const form = formFor({ ...job, params: null });
    expect(readForm(typed(form, '{"a":[1]}'), here)).toMatchObject({
      request: { args: { params: { a: [1] } } },
    });
    expect(readForm(typed(form, '{a}'), here)).toMatchObject({ ok: false, at: 0 });
  });
});

describe('a time that is typed', () => {
  it('is told back at once', () => {
    const echo = (text: string) => {
      const when = readWhen(text, here);
      return when.ok ? when.echo : `no: ${when.error}`;
    };
    expect(echo('')).toBe('runs at once');
    expect(echo('90s')).toBe('runs Sun 22 Nov 2026 18:43:37 UTC, in 1m 30s');
    expect(echo('in 1h 30m')).toContain('in 1h 30m');
    expect(echo('tomorrow 9:00')).toBe('runs Mon 23 Nov 2026 09:00 UTC, in 14h 17m');
    expect(echo('01/02/2026')).toMatch(/^no: .*2026-02-01/);
    expect(echo('17')).toMatch(/^no: /);
  });
});

describe('what ends work', () => {
  it('is asked for by a letter, and Enter is none', () => {
    const ask = askAbort({ ids: ['12'], run: rowOf(12), all: null }, here);
    expect(ask.question).toBe('Abort 12 import-products, running 2m 11s, 58% done?');
    const untold = { ...rowOf(12), progress: { percent: 0, text: null } };
    const other = askAbort({ ids: ['12'], run: untold, all: null }, here);
    expect(other.question).toBe('Abort 12 import-products, running 2m 11s?');
    expect(ask.answers.map(({ key }) => key)).toEqual(['y', 'f']);
    expect(ask.answers[1]?.request.args).toMatchObject({ ids: ['12'], graceMs: 0 });
  });

  it('is not what a single retry does, but several are asked for', () => {
    const failed = rowOf(9, { state: 'failed' });
    expect(askRetry({ ids: ['9'], run: failed, all: null })).toMatchObject({
      command: 'retry',
      args: { ids: ['9'] },
    });
    expect(askRetry({ ids: ['9', '8'], run: failed, all: null })).toMatchObject({
      question: 'Retry 2 runs?',
    });
    const waits = rowOf(8, { state: 'scheduled' });
    expect(askRetry({ ids: ['8'], run: waits, all: null })).toMatchObject({
      answers: [{ request: { command: 'update' } }],
    });
  });

  it('of more runs than can be marked goes by their list and filter, and says so', () => {
    const which = { list: 'scheduled', q: 'news', until: NOW };
    const all = { marks: new Set(['9', '8']), which, total: 12_345 };
    const ask = askAbort({ ids: ['9', '8'], run: null, all }, here);
    expect(ask.question).toBe('Abort all 12,345 that match? What is settled stays.');
    expect(ask.answers.map(({ request }) => [request.many, request.args])).toEqual([
      [true, { ...which, reason: 'aborted in the dashboard' }],
      [true, { ...which, reason: 'aborted in the dashboard', graceMs: 0 }],
    ]);
    expect(askRetry({ ids: ['9'], run: null, all })).toMatchObject({
      answers: [{ request: { command: 'retry', args: which, many: true } }],
    });
  });

  it('is not a pause: it offers what can be paused, and what can go on', () => {
    const keys = askPause({ kind: 'job', name: 'import', paused: false }, true).answers.map(
      ({ label }) => label,
    );
    expect(keys).toEqual(['pause import', 'resume all jobs']);
  });
});
