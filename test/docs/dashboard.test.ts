// The page of the dashboard: its keys are all the keys there are, and its pictures are of the dashboard as it is.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { allKeys } from '../../src/dashboard/bindings.ts';
import { listWith, modelWith, NOW, PLAIN, rowOf } from '../helpers/models.ts';
import { ROOT } from '../helpers/project.ts';
import { frame } from '../helpers/screens.ts';

const page = readFileSync(join(ROOT, 'docs/dashboard.md'), 'utf8');

function pictureOf(name: string): string[] {
  const found = new RegExp(`<!-- screen ${name} -->\n\`\`\`text\n([\\s\\S]*?)\n\`\`\``).exec(page);
  return (found?.[1] ?? '').split('\n');
}

/** What a picture shows of the dashboard itself, but for the pane: rules, titles, and the keys that work. */
const shapeOf = (lines: readonly string[], rule: number): readonly (string | undefined)[] => [
  lines[rule]?.slice(0, 72),
  lines[rule + 1]?.slice(0, 72),
  lines.at(-3),
  lines.at(-1),
];

describe('docs/dashboard.md', () => {
  it('names every key of the help', () => {
    const missing = allKeys(PLAIN.glyphs)
      .flatMap(({ name }) => name.split(' '))
      .filter((key) => !page.includes(key.replace('⏎', 'Enter')));
    expect(missing).toEqual([]);
  });

  it.each([
    ['list', 80, 24, 2],
    ['wide', 120, 40, 3],
  ] as const)('shows the screen "%s" as it is drawn now', (name, columns, rows, rule) => {
    const runs = [
      rowOf(16),
      rowOf(15, { job: 'send-newsletter', percent: 9 }),
      rowOf(14, { job: 'resize-images', percent: 0, text: '' }),
    ];
    const model = modelWith({ columns, rows }, listWith(runs));
    const drawn = frame(model, PLAIN, NOW).map((line) => line.trimEnd());
    const picture = pictureOf(name);
    expect(picture).toHaveLength(drawn.length);
    expect(shapeOf(picture, rule)).toEqual(shapeOf(drawn, rule));
  });
});
