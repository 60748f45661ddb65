// The one error class: codes, exit codes, and the way over the socket and back.
import { describe, expect, it } from 'vitest';
import {
  assert,
  ERROR_CODES,
  type ErrorShape,
  errnoOf,
  errorFromShape,
  exitCodeOf,
  JobrunError,
  orElse,
  orElseSync,
  toJobrunError,
} from '../../src/support/errors.ts';

describe('a code', () => {
  it('has an exit code of the contract', () => {
    const known = new Set([1, 2, 3, 4, 5, 6, 7, 8, 74, 124, 130]);
    expect(ERROR_CODES.filter((code) => !known.has(exitCodeOf(code)))).toEqual([]);
  });
});

it('an error is one of jobrun wherever its class was loaded from; one of a class derived from it is told by that', async () => {
  const again = new URL('../../src/support/errors.ts?again', import.meta.url).href;
  const { JobrunError: Another } = (await import(again)) as { JobrunError: typeof JobrunError };
  class Own extends JobrunError {}
  expect(Another).not.toBe(JobrunError);
  expect(new Another('refused', 'no', '')).toBeInstanceOf(JobrunError);
  expect(new Own('refused', 'no', '')).toBeInstanceOf(JobrunError);
  expect([
    new Own('refused', 'no', '') instanceof Own,
    new Another('refused', 'no', '') instanceof Own,
  ]).toEqual([true, false]);
  expect(new Error('no')).not.toBeInstanceOf(JobrunError);
});

describe('an error over the socket', () => {
  it('comes back as it was', () => {
    const error = new JobrunError(
      'unknown-job',
      'no job named x',
      'Did you mean "y"?',
      new Error('cause'),
    );
    const back = errorFromShape(JSON.parse(JSON.stringify(error)) as ErrorShape);
    expect(back).toBeInstanceOf(JobrunError);
    expect(back.toJSON()).toEqual({
      code: 'unknown-job',
      message: 'no job named x',
      hint: 'Did you mean "y"?',
    });
  });

  it.each(['invented', 'constructor', 'toString', '__proto__'])(
    'a code "%s" that is none is internal',
    (code) => {
      const back = errorFromShape({ code, message: 'm', hint: 'h' } as unknown as ErrorShape);
      expect([back.code, exitCodeOf(back.code)]).toEqual(['internal', 1]);
    },
  );
});

describe('anything thrown', () => {
  it('is a JobrunError already, or becomes one that keeps its cause', () => {
    const own = new JobrunError('refused', 'm', 'h');
    expect(toJobrunError(own)).toBe(own);
    const cause = new TypeError('oops');
    expect(toJobrunError(cause)).toMatchObject({ code: 'internal', message: 'oops', cause });
    expect([toJobrunError('text').message, toJobrunError(null).message]).toEqual(['text', 'null']);
  });

  it('gives its system name where it has one', () => {
    expect([
      errnoOf({ code: 'ENOENT' }),
      errnoOf({ code: 5 }),
      errnoOf(null),
      errnoOf('x'),
    ]).toEqual(['ENOENT', '', '', '']);
  });

  it('a module that is missing is an installation that is not complete, and no defect of jobrun', () => {
    for (const code of ['ERR_MODULE_NOT_FOUND', 'MODULE_NOT_FOUND'])
      expect(toJobrunError({ code }).hint).toMatch(/^A package is being installed/);
    expect(toJobrunError({ code: 'ERR_OTHER' }).hint).toContain('defect of jobrun');
  });

  it('a broken invariant is internal; one that holds is silent', () => {
    expect(() => assert(false, 'x')).toThrow(
      expect.objectContaining({ code: 'internal', message: 'broken invariant: x' }),
    );
    expect(() => assert(true, 'x')).not.toThrow();
  });
});

describe('what the system refuses', () => {
  const refusal = (): never => {
    throw Object.assign(new Error('no such file'), { code: 'ENOENT' });
  };
  const defect = (): never => {
    throw new TypeError('undefined is not a function');
  };

  it('has another value in its place', async () => {
    expect(orElseSync(1, () => 2)).toBe(2);
    expect(orElseSync(1, refusal)).toBe(1);
    expect(await orElse(1, async () => 2)).toBe(2);
    expect(await orElse(1, async () => refusal())).toBe(1);
  });

  it('is no defect: that is thrown on', async () => {
    expect(() => orElseSync(1, defect)).toThrow(TypeError);
    await expect(orElse(1, async () => defect())).rejects.toThrow(TypeError);
  });
});
