// The top of the screen: what this is, how it is doing, and the lists with their counts.
import { basename } from 'node:path';
import { ends, pad, tame, width } from './cells.ts';
import { showCount, showSecond, showShortCount, showSpan, showToday } from './clock-texts.ts';
import { countOf, TABS } from './lists.ts';
import { bar, type Look, paint, type Style, sparkline } from './look.ts';
import type { Model } from './model.ts';

export function titleLine(model: Model, look: Look, columns: number, now: number): string {
  const { board, timezone } = model;
  const { dot } = look.glyphs;
  const project = board ? tame(basename(board.dir), look) : '';
  const wide = columns >= 100;
  const clock = board ? showToday({ now, timezone }) : '';
  const up = board?.daemon && model.link === 'online' ? now - board.daemon.since : null;
  const parts = [
    project,
    up === null ? '' : `up ${showSpan(Math.max(0, up))}`,
    board?.daemon && wide ? `pid ${board.daemon.pid}` : '',
    board && wide ? `v${board.version}` : '',
    board && !wide && up !== null ? `workers ${board.workers.busy}/${board.workers.total}` : '',
  ].filter(Boolean);
  const state = stateText(model);
  const text = parts.join(wide ? ` ${dot} ` : '  ');
  const room = columns - 10 - width(state);
  const right = state === '' ? clock : `  ${clock}`;
  // What is wrong stands before the clock, and without it where there is no room for both.
  const isRoom = state === '' || width(text) + width(right) <= room;
  const [left, end] = ends(text, isRoom ? right : '', room, look);
  const dim = (part: string): string => paint(look, 'dim', part);
  return ` ${paint(look, 'bold', 'jobrun')}  ${dim(left)}${paint(look, 'yellow', state)}${dim(end)} `;
}

/** What the person has to know before anything else. */
export function stateText({ link, readOnly, board, silentSince, timezone }: Model): string {
  const here = { now: board?.now ?? 0, timezone };
  const words = {
    opening: 'opening',
    offline: 'no daemon: read only',
    silent: `no answer since ${showSecond(silentSince ?? 0, here)}`,
    online: readOnly ? 'read only' : '',
  }[link];
  const broken = board?.broken.length ?? 0;
  const paused = board?.paused.all ? 'PAUSED' : '';
  return [words, paused, link === 'online' && broken > 0 ? `${broken} broken` : '']
    .filter(Boolean)
    .join(', ');
}

/** Workers and throughput, for wide screens; narrow ones have it at the bottom. */
export function meterLine({ board, link }: Model, look: Look, columns: number): string {
  if (!board) return pad('', columns, look);
  const { workers, counts, pulse } = board;
  const share = workers.total === 0 ? 0 : (100 * workers.busy) / workers.total;
  const cells = bar(look, share, Math.min(20, Math.max(4, workers.total)));
  const isThere = link === 'online';
  const isBad = pulse.failed.some((count) => (count ?? 0) > 0);
  const meters: readonly Meter[] = [
    ...(isThere ? [meter('workers', cells, 'cyan', `${workers.busy}/${workers.total}`)] : []),
    meter('queued', '', null, showCount(counts.queued)),
    meter('runs/min', sparkline(look, pulse.ended), 'green', rateOf(pulse.ended)),
    meter('errors/min', sparkline(look, pulse.failed), isBad ? 'red' : 'dim', rateOf(pulse.failed)),
  ];
  let used = 1;
  const line = meters.map(({ name, cells, style, value, width }) => {
    const gap = used > 1 ? '   ' : '';
    // The last ones go where there is no room.
    if (used + gap.length + width > columns) return '';
    used += gap.length + width;
    return gap + [name, paint(look, style, cells), value].filter(Boolean).join(' ');
  });
  return ` ${line.join('')}${' '.repeat(columns - used)}`;
}

interface Meter {
  readonly name: string;
  readonly cells: string;
  readonly style: Style | null;
  readonly value: string;
  readonly width: number;
}

const meter = (name: string, cells: string, style: Style | null, value: string): Meter => ({
  ...{ name, cells, style, value },
  width: width([name, cells, value].filter(Boolean).join(' ')),
});

/** `runs/min ▁▂▃█ 14` */
export const throughput = ({ pulse }: NonNullable<Model['board']>, look: Look): string =>
  `runs/min ${sparkline(look, pulse.ended)} ${rateOf(pulse.ended)}`;

/** Of the last whole minute, or of this one where it has come to more already: a new minute is no standstill. */
function rateOf(values: readonly (number | null)[]): string {
  const known = values.slice(-2).filter((value) => value !== null);
  return known.length === 0 ? '?' : showShortCount(Math.max(...known));
}

/** The longest form of the tabs that fits. */
export function tabLine(model: Model, look: Look, columns: number): string {
  const { board, tab, filter } = model;
  const count = (of: (typeof TABS)[number], short: boolean): string => {
    if (!board) return '';
    const n = countOf(of.tab, board);
    return ` ${short ? showShortCount(n) : showCount(n)}`;
  };
  const forms = [
    { title: 'title', short: false, gap: '    ' },
    { title: 'title', short: false, gap: '  ' },
    { title: 'title', short: true, gap: '  ' },
    { title: 'short', short: true, gap: '  ' },
    { title: 'short', short: true, gap: ' ' },
  ] as const;
  const texts = forms.map(({ title, short, gap }) => ({
    gap,
    cells: TABS.map((info, i) => ({
      own: info.tab === tab,
      text: `${i + 1} ${info[title]}${count(info, short)}`,
    })),
  }));
  const lengthOf = ({ cells, gap }: (typeof texts)[number]): number =>
    cells.reduce((sum, { text }) => sum + width(text) + gap.length, 1 - gap.length);
  const found = texts.find((one) => lengthOf(one) < columns) ?? texts.at(-1);
  if (!found) return '';
  const room = columns - lengthOf(found);
  const cells = found.cells.map(({ own, text }) => {
    if (!own) return text;
    return look.color ? paint(look, 'inverse', paint(look, 'bold', text)) : text;
  });
  // Without colours the list on the screen is told by its brackets.
  const joined = look.color
    ? ` ${cells.join(found.gap)}`
    : ` ${found.cells.map(({ own, text }) => (own ? `[${text}]` : text)).join(found.gap.slice(1))}`;
  const line = look.color ? joined + ' '.repeat(Math.max(0, room)) : pad(joined, columns, look);
  if (filter === '' || room < 20 || !look.color) return line;
  const shown = `filter: ${tame(filter, look)} `;
  const cut = width(shown) > room - 3 ? pad(shown, room - 3, look) : shown;
  return `${joined}${' '.repeat(room - width(cut))}${paint(look, 'yellow', cut)}`;
}

export const rule = (look: Look, columns: number): string =>
  paint(look, 'dim', look.glyphs.rule.repeat(columns));

/** A rule with a title in it: `── 12 import-products ────`. */
export function titledRule(look: Look, columns: number, title: string, end = ''): string {
  const { glyphs } = look;
  const left = `${glyphs.rule.repeat(2)} ${title} `;
  const right = end === '' ? '' : ` ${end} `;
  const [cut, tail] = ends(left, right, columns, look);
  const text = cut.trimEnd();
  const middle = glyphs.rule.repeat(Math.max(0, columns - width(text) - 1 - width(tail)));
  return paint(look, 'dim', pad(`${text} ${middle}${tail}`, columns, look));
}
