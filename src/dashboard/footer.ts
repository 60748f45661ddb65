// The last three lines: what just happened or where one is, and the keys that work right now; or, in their place, a
// question and its answers.
import type { Order } from '../commands/board-list.ts';
import { cut, ends, pad, tame, width } from './cells.ts';
import type { Here } from './clock-texts.ts';
import { showCount } from './clock-texts.ts';
import { contextOf } from './context.ts';
import type { Form } from './form.ts';
import { rule, throughput, titledRule } from './header.ts';
import { type Hint, hintsFor } from './keys.ts';
import type { Layout } from './layout.ts';
import type { Line } from './line.ts';
import { lettersOf } from './line.ts';
import { FILTER_HELP, readFilter } from './lists.ts';
import { type Look, paint } from './look.ts';
import type { Model } from './model.ts';
import { readDue, readWhen, type When } from './when.ts';

/** `where`: which part of a page is on the screen. */
export function footerLines(
  model: Model,
  layout: Layout,
  look: Look,
  here: Here,
  where: string,
): string[] {
  const { screen } = model;
  const { columns } = layout;
  if (screen.kind === 'ask') {
    const answers = [
      ...screen.ask.answers.map(({ key, label }) => ({ name: key, label, weight: 1 })),
      { name: 'n/Esc', label: screen.ask.no, weight: 1 },
    ];
    const question = pad(` ${tame(screen.ask.question, look)}`, columns, look);
    return [rule(look, columns), paint(look, 'bold', question), hintLine(answers, columns, look)];
  }
  if (screen.kind === 'due') {
    const when = readDue(screen.line.text, here);
    return [
      titledRule(look, columns, `due time of ${screen.id} ${tame(screen.job, look)}`),
      inputLine('due: ', screen.line, columns, look),
      whenLine(when, '   Enter sets it, Esc leaves it', columns, look),
    ];
  }
  const hints = hintLine(hintsOf(model, look), columns, look);
  if (screen.kind === 'filter') {
    const { unknown } = readFilter(screen.line.text, model.tab, here.now);
    const said = unknown === '' ? FILTER_HELP : `cannot read ${unknown}`;
    const help = paint(
      look,
      unknown === '' ? 'dim' : 'red',
      pad(` ${tame(said, look)}`, columns, look),
    );
    return [
      rule(look, columns),
      inputLine('/', screen.line, columns, look),
      screen.line.text === '' ? help : hints,
    ];
  }
  if (screen.kind === 'form' && !model.message) {
    return [rule(look, columns), echoLine(screen.form, columns, look, here), hints];
  }
  return [footRule(model, layout, look), statusLine(model, layout, look, where), hints];
}

/** All that the field with the caret takes, or what a typed time comes to: beside it there may be no room for that. */
function echoLine({ fields, at }: Form, columns: number, look: Look, here: Here): string {
  const field = fields[at];
  if (field?.kind === 'when' && field.line.text.trim() !== '')
    return whenLine(readWhen(field.line.text, here), '', columns, look);
  return paint(look, 'dim', pad(` ${tame(field?.hint ?? '', look)}`, columns, look));
}

/** What a time comes to; where it is none and there is little room, how it is written. */
function whenLine(when: When, after: string, columns: number, look: Look): string {
  const whole = when.ok ? when.echo + after : when.error;
  const said = when.ok || width(whole) < columns ? whole : when.hint;
  return paint(look, when.ok ? 'green' : 'red', pad(` ${tame(said, look)}`, columns, look));
}

function footRule(model: Model, layout: Layout, look: Look): string {
  const { glyphs } = look;
  if (layout.kind !== 'wide' || model.screen.kind !== 'list') return rule(look, layout.columns);
  const left = glyphs.rule.repeat(layout.listColumns);
  return paint(look, 'dim', left + glyphs.teeUp + glyphs.rule.repeat(layout.paneColumns));
}

function hintsOf(model: Model, look: Look): readonly Hint[] {
  const only = (pairs: readonly (readonly [string, string])[]): Hint[] =>
    pairs.map(([name, label]) => ({ name, label, weight: 1 }));
  const { arrows, enter } = look.glyphs;
  switch (model.screen.kind) {
    case 'filter':
      return only([
        [enter, 'keep'],
        ['Esc', 'clear'],
        [arrows === 'j/k' ? 'Up/Down' : arrows, 'move'],
      ]);
    case 'pick':
      return only([
        ['type', 'to find'],
        [arrows === 'j/k' ? 'Up/Down' : arrows, 'choose'],
        [enter, 'take'],
        ['Esc', 'back'],
      ]);
    case 'form': {
      const { fields, at } = model.screen.form;
      const hasChoices = (fields[at]?.choices.length ?? 0) > 0;
      return only([
        ['Tab', 'next field'],
        [enter, at === fields.length ? 'schedule' : 'next'],
        ...(hasChoices ? [['Space', 'choose'] as const] : []),
        ['ctrl-s', 'schedule'],
        ['Esc', 'leave'],
      ]);
    }
    default:
      return hintsFor(contextOf(model), look.glyphs);
  }
}

/** As many hints as pad, the important ones first, in the order of the table. */
export function hintLine(hints: readonly Hint[], columns: number, look: Look): string {
  const size = ({ name, label }: Hint): number => width(name) + 1 + width(label) + 2;
  let room = columns - 1;
  const kept = new Set<Hint>();
  for (const hint of [...hints].sort((a, b) => b.weight - a.weight)) {
    if (size(hint) > room + 2) continue;
    kept.add(hint);
    room -= size(hint);
  }
  const shown = hints.filter((hint) => kept.has(hint));
  const line = shown
    .map(
      ({ name, label }) => `${paint(look, 'bold', name)} ${paint(look, 'dim', tame(label, look))}`,
    )
    .join('  ');
  const used = shown.reduce((sum, hint) => sum + size(hint), -2);
  return ` ${line}${' '.repeat(Math.max(0, columns - 1 - Math.max(0, used)))}`;
}

function statusLine(model: Model, layout: Layout, look: Look, where: string): string {
  const { message, board } = model;
  const { columns } = layout;
  if (message) {
    const text = pad(` ${tame(message.text, look)}`, columns, look);
    return paint(look, message.bad ? 'red' : 'green', text);
  }
  if (!board || model.screen.kind !== 'list')
    return paint(look, 'dim', pad(` ${where}`, columns, look));
  const right = layout.kind === 'wide' ? '' : `${throughput(board, look)} `;
  const [left, end] = ends(` ${whereText(model, layout, look)}`, right, columns, look);
  return paint(look, 'dim', left + end);
}

const ORDERS: Readonly<Record<Order, string>> = {
  newest: 'newest first',
  oldest: 'oldest first',
  due: 'next due first',
  settled: 'last settled first',
  name: 'by name',
  waiting: 'most waiting first',
  errors: 'most errors first',
  next: 'next due first',
};

function whereText({ board, place, marks, filter }: Model, layout: Layout, look: Look): string {
  if (!board) return '';
  const { total, order, complete } = board.list;
  const last = Math.min(place.top + layout.list, total);
  const rows =
    total === 0 ? 'none' : `${showCount(place.top + 1)}-${showCount(last)} of ${showCount(total)}`;
  const parts = [
    complete ? rows : `${rows}, searching`,
    total > 1 ? ORDERS[order] : '',
    marks.size > 0 ? `${marks.size} marked` : '',
  ];
  // Also for terminals without colours, where the tab line has no room for it.
  const only = filter !== '' ? `only ${tame(filter, look)}` : '';
  return [...parts, only].filter(Boolean).join(` ${look.glyphs.dot} `);
}

/** A line that is typed, with its caret; where it is too long, the part around the caret. */
export function inputLine(front: string, line: Line, columns: number, look: Look): string {
  const room = columns - width(front) - 2;
  const parts = lettersOf(line.text).map((part) => tame(part, look));
  let from = 0;
  while (width(parts.slice(from, line.at).join('')) >= room) from++;
  const before = parts.slice(from, line.at).join('');
  const at = parts[line.at] ?? ' ';
  const after = cut(
    parts.slice(line.at + 1).join(''),
    Math.max(0, room - width(before) - width(at)),
    look,
  );
  const caret = look.color ? paint(look, 'inverse', at) : at === ' ' ? '_' : at;
  const used = width(front) + 1 + width(before) + width(at) + width(after);
  return ` ${paint(look, 'bold', front)}${before}${caret}${after}${' '.repeat(Math.max(0, columns - used))}`;
}
