// docs/alerts.yml and docs/grafana-dashboard.json ask for metrics that a real daemon has, with labels that they have: a
// dashboard of names that nobody writes stays empty, and an alarm on them never rings.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it, test } from 'vitest';
import { Metrics } from '../../src/daemon/watching/metrics.ts';
import { type Counts, STATE_NAMES } from '../../src/run/run.ts';
import { familiesOf, promtool, samplesOf } from '../helpers/prometheus.ts';
import { ROOT } from '../helpers/source.ts';

const rules = readFileSync(join(ROOT, 'docs/alerts.yml'), 'utf8');
const dashboard = JSON.parse(readFileSync(join(ROOT, 'docs/grafana-dashboard.json'), 'utf8')) as {
  readonly panels: readonly {
    readonly id: number;
    readonly gridPos: object;
    readonly targets: readonly { readonly expr: string }[];
  }[];
};
const expressions = [
  ...[...rules.matchAll(/^ +expr: (.+)$/gm)].map(([, expr = '']) => expr),
  ...dashboard.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr)),
];
const NAME = /\b(?:jobrun|process)_[a-z_]+\b/g;
/** What Prometheus adds, and what it makes of our `job`. */
const OF_PROMETHEUS = ['instance', 'exported_job', 'le'];

let samples: ReadonlyMap<string, number>;
let text: string;

beforeAll(async () => {
  const metrics = new Metrics(0);
  metrics.committed(1);
  const counts = Object.fromEntries(STATE_NAMES.map((name) => [name, 0])) as Counts;
  text = await metrics.text({ counts, workers: { busy: 0, total: 1 }, jobs: ['work'] });
  samples = samplesOf(text);
});

describe('what is asked for', () => {
  it('is found by this test', () => {
    expect(expressions.length).toBeGreaterThan(18);
    for (const expr of expressions) expect(expr).toMatch(/jobrun|process_/);
  });

  it.each(expressions)('is there: %s', (expr) => {
    const families = familiesOf(text);
    for (const [name] of expr.matchAll(NAME)) {
      const base = name.replace(/_(?:bucket|sum|count)$/, '');
      const isThere = families.has(name) || families.get(base) === 'histogram';
      expect([name, isThere]).toEqual([name, true]);
    }
  });

  it.each(expressions)('has labels and values that exist: %s', (expr) => {
    for (const [, name = '', matchers = ''] of expr.matchAll(/\b(jobrun_[a-z_]+)\{([^}]*)\}/g)) {
      for (const [, label = '', operator = '', value = ''] of matchers.matchAll(
        /(\w+)(=~|!~|!=|=)"([^"]*)"/g,
      )) {
        if (OF_PROMETHEUS.includes(label)) continue;
        const values = operator.endsWith('~') ? value.split('|') : [value];
        for (const one of values) {
          const has = [...samples.keys()].some(
            (key) => key.startsWith(`${name}{`) && key.includes(`${label}="${one}"`),
          );
          expect([name, label, one, has]).toEqual([name, label, one, true]);
        }
      }
    }
  });
});

it('the panels have each a number and a place of its own', () => {
  const ids = dashboard.panels.map(({ id }) => id);
  const places = dashboard.panels.map(({ gridPos }) => JSON.stringify(gridPos));
  expect([new Set(ids).size, new Set(places).size]).toEqual([ids.length, places.length]);
});

test('promtool finds nothing wrong, neither in the rules nor in the metrics', () => {
  expect(promtool(['check', 'rules', join(ROOT, 'docs/alerts.yml')])).toBe('');
  expect(promtool(['check', 'metrics'], text)).toBe('');
});
