// docs/schedules.md is true: each of its examples is run as it stands there, at the instant that it names.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from '../../src/cli/program.ts';
import { requestOf } from '../../src/commands/dispatch.ts';
import { Output } from '../../src/commands/shared/output.ts';
import { type Config, loadConfig } from '../../src/support/config.ts';
import { JobrunError } from '../../src/support/errors.ts';
import { showInstant } from '../../src/support/instants.ts';
import { parseInstant } from '../../src/support/typed-times.ts';
import { ROOT } from '../helpers/source.ts';

const text = readFileSync(join(ROOT, 'docs/schedules.md'), 'utf8');
const config: Config = { ...loadConfig({ dir: ROOT }, {}, ROOT), timezone: 'Europe/Berlin' };

const EXAMPLE = /^\$ jobrun (.+?)\s+# at (\S+)\n((?:[^\n$`].*\n)+)/gm;
const examples = [...text.matchAll(EXAMPLE)].map(([, words = '', at = '', printed = '']) => ({
  words,
  at,
  printed: printed.trimEnd(),
}));
const rows = [...text.matchAll(/^\| `(.+?)` \| (.+?) \|$/gm)]
  .map(([, given = '', wanted = '']) => [given, wanted] as const)
  .filter(([given]) => given !== '--at');

/** Short names of zones come from the time zone data of each Node and are not the same in all of them. */
const zoneless = (line: string): string =>
  line.replace(/ (?:[A-Z]{2,5}|UTC[+-]\d\d:\d\d)(?=,|$)/gm, '');

/** What the command line prints for these words at that instant. */
async function printedBy(words: string, now: number): Promise<string> {
  const argv = [...words.matchAll(/'([^']*)'|(\S+)/g)].map(
    ([, quoted, bare]) => quoted ?? bare ?? '',
  );
  const lines: string[] = [];
  const out = new Output({
    stdout: { write: (line) => lines.push(line) },
    stderr: { write: () => true },
    json: false,
    quiet: false,
    verbose: false,
    color: 'never',
    env: {},
    timezone: () => config.timezone,
    now: () => now,
  });
  try {
    const parsed = await parse(argv);
    if (!parsed) throw new Error(`nothing is done by ${words}`);
    const { command, typed, general } = parsed;
    const readStdin = async (): Promise<string> => '';
    const asked = { typed, general, config, now, readStdin, confirm: async () => true };
    const request = await requestOf(command, asked);
    await command.show(await command.local?.(request, asked), out, request);
  } catch (error) {
    if (!(error instanceof JobrunError)) throw error;
    lines.push(`error: ${error.message}`);
  }
  return lines.join('').trimEnd();
}

describe('docs/schedules.md', () => {
  it('has its examples where this test finds them', () => {
    expect(examples.length).toBe(text.match(/^\$ /gm)?.length);
    expect(examples.length).toBeGreaterThan(14);
    expect(rows.length).toBeGreaterThan(15);
  });

  it.each(examples)('prints what it says: $words', async ({ words, at, printed }) => {
    expect(zoneless(await printedBy(words, Date.parse(at)))).toBe(zoneless(printed));
  });

  const each = rows.flatMap(([given, wanted]) =>
    given.split('`, `').map((one) => [one, wanted] as const),
  );

  it.each(each)('reads --at "%s" as it says', (given, wanted) => {
    const here = { now: Date.parse('2026-11-22T12:00:00Z'), timezone: config.timezone };
    try {
      const { at, inMs } = parseInstant(given, here);
      if (inMs !== undefined) {
        expect(wanted).toContain(String(inMs / 60_000));
        return;
      }
      const [shown = ''] = showInstant(at, here.timezone, here.now).split(', ');
      expect(zoneless(shown)).toBe(zoneless(wanted));
    } catch (error) {
      if (!(error instanceof JobrunError)) throw error;
      expect(error.hint).toContain(wanted);
    }
  });
});
