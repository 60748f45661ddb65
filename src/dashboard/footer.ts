// The last three rows: a rule, a message or the position in the list, and the keys that work now. A question or an
// input line takes their place.
import { readFilter, unreadText } from '../commands/shared/filter.ts';
import { showCount } from '../support/text.ts';
import { type Hint, hintsFor } from './bindings.ts';
import { contextOf, everythingOf, isMarking, listOf } from './context.ts';
import { type Form, faultOf } from './form.ts';
import { throughputText } from './header.ts';
import type { Layout } from './layout.ts';
import { type Line, lettersOf } from './line.ts';
import { FILTER_HELP, type Order, orderOf } from './lists.ts';
import type { Model } from './model.ts';
import {
  cut,
  ends,
  type Row,
  rowWidth,
  ruleRow,
  type Span,
  styled,
  tame,
  textWidth,
} from './rows.ts';
import type { Scene } from './scene.ts';
import type { Sheet, Theme } from './theme.ts';
import { readOutcome } from './typing.ts';
import { readDue, readWhen, type When } from './when.ts';

export function footerRows({ model, layout, sheet, page }: Scene): readonly Row[] {
  const { screen } = model;
  const { theme, columns, here } = sheet;
  const rule = ruleRow(columns, theme);
  const hints = hintRow(hintsOf(model, theme), columns, theme);
  if (screen.kind === 'ask') {
    const { question, answers, no } = screen.ask;
    const keys = [...answers.map(({ key, label }) => hint(key, label)), hint('n/Esc', no)];
    return [rule, styled('bold', ` ${tame(question, theme)}`), hintRow(keys, columns, theme)];
  }
  if (screen.kind === 'due') {
    const when = readDue(screen.line.text, here);
    return [
      ruleRow(columns, theme, `due time of ${screen.id} ${tame(screen.job, theme)}`),
      inputRow(' due: ', screen.line, columns, theme),
      whenRow(when, '   Enter sets it, Esc leaves it', sheet),
    ];
  }
  if (screen.kind === 'outcome') return outcomeRows(screen, sheet);
  if (screen.kind === 'filter') {
    const [unread] = readFilter(screen.line.text, here.now).unread;
    const says = unread === undefined ? hints : unreadRow(unread, sheet);
    return [
      rule,
      inputRow(' /', screen.line, columns, theme),
      screen.line.text === '' ? styled('dim', ` ${FILTER_HELP}`) : says,
    ];
  }
  if (screen.kind === 'form' && !model.message) return [rule, echoRow(screen.form, sheet), hints];
  return [
    bottomRule(model, layout, theme),
    statusRow(model, layout, theme, page?.where ?? ''),
    hints,
  ];
}

/** The outcome of a run that waits for an outside result, as it is typed. */
function outcomeRows(
  screen: Extract<Model['screen'], { kind: 'outcome' }>,
  { theme, columns }: Sheet,
): readonly Row[] {
  const { how, id, job, line } = screen;
  const isDone = how === 'complete';
  const says = isDone
    ? 'Enter: the run is done, with this output (JSON; nothing is null). Esc leaves it'
    : 'Enter: the run has failed, with this message. Esc leaves it';
  const input = inputRow(isDone ? ' output: ' : ' why: ', line, columns, theme);
  const row = readOutcome(screen).ok
    ? styled('dim', ` ${says}`)
    : styled('red', ' that is no JSON yet: a text needs quotes, as in "approved"');
  return [ruleRow(columns, theme, `${how} ${id} ${tame(job, theme)}`), input, row];
}

/**
 * The fault of the current field, or its hint, or the time that was typed: the row of the field may be too short for
 * them.
 */
function echoRow({ fields, at }: Form, sheet: Sheet): Row {
  const field = fields[at];
  const fault = field ? faultOf(field, sheet.here) : '';
  if (fault !== '' && field?.kind !== 'when')
    return styled('red', ` ! ${tame(fault, sheet.theme)}`);
  if (field?.kind === 'when' && field.line.text.trim() !== '')
    return whenRow(readWhen(field.line.text, sheet.here), '', sheet);
  return styled('dim', ` ${tame(field?.hint ?? '', sheet.theme)}`);
}

/** The typed time in full, or the error. A short screen shows how to write a time instead of the error. */
function whenRow(when: When, after: string, { theme, columns }: Sheet): Row {
  const whole = when.ok ? when.echo + after : when.error;
  const said = when.ok || textWidth(whole) < columns ? whole : when.hint;
  return styled(when.ok ? 'green' : 'red', ` ${tame(said, theme)}`);
}

/** The reason why a word of the filter is not used. A short screen shows the words that there are instead. */
function unreadRow(part: string, { theme, columns }: Sheet): Row {
  const { says, choices } = unreadText(part);
  const whole = [says, ...choices].join('; ');
  const said = textWidth(whole) < columns ? whole : choices.join('; ') || says;
  return styled('yellow', ` ${tame(said, theme)}`);
}

function bottomRule(model: Model, layout: Layout, theme: Theme): Row {
  if (layout.kind !== 'wide' || model.screen.kind !== 'list') return ruleRow(layout.columns, theme);
  const { rule, teeUp } = theme.glyphs;
  return styled('dim', rule.repeat(layout.listColumns) + teeUp + rule.repeat(layout.paneColumns));
}

const hint = (name: string, label: string): Hint => ({ name, label, weight: 1 });

function hintsOf({ screen, ...model }: Model, { glyphs }: Theme): readonly Hint[] {
  const { enter } = glyphs;
  const arrows = glyphs.arrows === 'j/k' ? 'Up/Down' : glyphs.arrows;
  if (screen.kind === 'filter')
    return [hint(enter, 'keep'), hint('Esc', 'clear'), hint(arrows, 'move')];
  if (screen.kind === 'pick')
    return [
      hint('type', 'to find'),
      hint(arrows, 'choose'),
      hint(enter, 'take'),
      hint('Esc', 'back'),
    ];
  if (screen.kind !== 'form') return hintsFor(contextOf({ ...model, screen }), glyphs);
  const { fields, at } = screen.form;
  const hasChoices = (fields[at]?.choices.length ?? 0) > 0;
  return [
    hint('Tab', 'next field'),
    hint(enter, at === fields.length ? 'schedule' : 'next'),
    ...(hasChoices ? [hint('Space', 'choose')] : []),
    hint('ctrl-s', 'schedule'),
    hint('Esc', 'leave'),
  ];
}

/** The hints that fit, by weight, in the order of the table. */
function hintRow(hints: readonly Hint[], columns: number, theme: Theme): Row {
  const rowOf = ({ name, label }: Hint): Span[] => [
    styled('plain', '  '),
    styled('bold', name),
    styled('dim', ` ${tame(label, theme)}`),
  ];
  let room = columns + 1;
  const kept = new Set<Hint>();
  for (const one of [...hints].sort((a, b) => b.weight - a.weight)) {
    const wide = rowWidth(rowOf(one));
    if (wide > room) continue;
    kept.add(one);
    room -= wide;
  }
  const [, ...row] = hints.filter((one) => kept.has(one)).flatMap(rowOf);
  return [' ', ...row];
}

function statusRow(model: Model, layout: Layout, theme: Theme, where: string): Row {
  const { message, status } = model;
  if (message) return styled(message.bad ? 'red' : 'green', ` ${tame(message.text, theme)}`);
  if (!status || model.screen.kind !== 'list') return styled('dim', ` ${where}`);
  const right = layout.kind === 'wide' ? '' : `  ${throughputText(status, theme)} `;
  const left = styled('dim', ` ${whereText(model, layout, theme)}`);
  return ends(left, styled('dim', right), layout.columns, theme);
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

function whereText(model: Model, layout: Layout, theme: Theme): string {
  const { place, marks, filter } = model;
  const list = listOf(model);
  if (!list) return '';
  const { total, complete } = list;
  const last = Math.min(place.top + layout.list, total);
  const rows =
    total === 0 ? 'none' : `${showCount(place.top + 1)}-${showCount(last)} of ${showCount(total)}`;
  const parts = [
    complete ? rows : `${rows}, searching`,
    total > 1 ? ORDERS[orderOf(model)] : '',
    marksText(model, marks.size),
    // Without colours the row of the tabs does not show the filter.
    filter !== '' ? `only ${tame(filter, theme)}` : '',
  ];
  return parts.filter(Boolean).join(` ${theme.glyphs.dot} `);
}

function marksText(model: Model, count: number): string {
  if (isMarking(model)) return 'marking';
  if (everythingOf(model)) return 'all marked';
  return count > 0 ? `${count} marked` : '';
}

/** An input line with its caret. If a line is too long, it shows the part around the caret. */
export function inputRow(front: string, line: Line, columns: number, theme: Theme): Row {
  const room = columns - textWidth(front) - 1;
  const parts = lettersOf(line.text).map((part) => tame(part, theme));
  let from = 0;
  while (textWidth(parts.slice(from, line.at).join('')) >= room) from++;
  const before = parts.slice(from, line.at).join('');
  const at = parts[line.at] ?? ' ';
  const rest = parts.slice(line.at + 1).join('');
  const after = cut(rest, Math.max(0, room - textWidth(before) - textWidth(at)), theme);
  const caret = theme.color ? styled('inverse', at) : at === ' ' ? '_' : at;
  return [styled('bold', front), before, caret, after];
}
