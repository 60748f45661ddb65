// A strict reader of Prometheus' text format: what is not of it, or stands in the wrong place, is an error; and
// Prometheus' own check.
import { spawnSync } from 'node:child_process';
import { needProgram } from './platform.ts';

const NAME = /^[a-z_:][a-z0-9_:]*$/;
const SAMPLE =
  /^([a-z_:][a-z0-9_:]*)(\{(?:[a-z_]+="(?:[^"\\\n]|\\["\\n])*",?)+\})? (-?[\d.e+-]+)$/i;
const SUFFIXES: Readonly<Record<string, readonly string[]>> = {
  counter: [''],
  gauge: [''],
  histogram: ['_bucket', '_sum', '_count'],
};

/** Values by name and labels, as they stand there. */
export function samplesOf(text: string): ReadonlyMap<string, number> {
  if (!text.endsWith('\n')) throw new Error('the last line does not end');
  const samples = new Map<string, number>();
  const types = familiesOf(text);
  let family = '';
  for (const line of text.slice(0, -1).split('\n')) {
    const [, kind, name = ''] = /^# (HELP|TYPE) (\S+)/.exec(line) ?? [];
    if (kind !== undefined) {
      family = name;
      continue;
    }
    const [, sample = '', labels = '', value = ''] = SAMPLE.exec(line) ?? [];
    const allowed = (SUFFIXES[types.get(family) ?? ''] ?? []).map((suffix) => family + suffix);
    if (!allowed.includes(sample)) throw new Error(`no sample of ${family}: ${line}`);
    if (samples.has(sample + labels)) throw new Error(`it stands there twice: ${line}`);
    samples.set(sample + labels, Number(value));
  }
  return samples;
}

/** Names and types of the families. */
export function familiesOf(text: string): ReadonlyMap<string, string> {
  const types = new Map<string, string>();
  for (const [, name = '', type = ''] of text.matchAll(/^# TYPE (\S+) (\S+)$/gm)) {
    if (!NAME.test(name) || types.has(name)) throw new Error(`no such family: ${name}`);
    types.set(name, type);
  }
  return types;
}

/** What promtool finds wrong; empty where all is well. */
export function promtool(args: readonly string[], input = ''): string {
  needProgram('promtool');
  const { status, stdout, stderr } = spawnSync('promtool', [...args], { input, encoding: 'utf8' });
  return status === 0 ? '' : `${stdout}${stderr}`;
}
