// The top rows: the project and its daemon, the meters, and the tabs of the lists with their counts.
import { basename } from 'node:path';
import { showSecond, showSpan, showToday } from '../commands/shared/clock-texts.ts';
import type { Status, Throughput } from '../commands/shared/replies.ts';
import { instantOf } from '../commands/shared/times.ts';
import { showCount, showShortCount } from '../support/text.ts';
import { countOf, TABS, type Tab } from './lists.ts';
import type { Model } from './model.ts';
import { cut, fill, type Row, rowWidth, type Span, styled, tame, textWidth } from './rows.ts';
import type { Scene } from './scene.ts';
import { bar, type Sheet, sparkline, type Theme } from './theme.ts';

export const headerRows = ({ model, layout, sheet }: Scene): readonly Row[] => [
  titleRow(model, sheet),
  ...(layout.kind === 'wide' ? [meterRow(model, sheet)] : []),
  tabRow(model, sheet),
];

/** The project and its daemon, what is wrong, and the time. The time is dropped first if there is no room for all. */
function titleRow(model: Model, sheet: Sheet): Row {
  const { theme, columns, here } = sheet;
  const { status, link } = model;
  const project = status ? tame(basename(status.dir), theme) : '';
  const isWide = columns >= 100;
  const since = link === 'online' ? (status?.since ?? null) : null;
  const up = since === null ? null : Math.max(0, here.now - instantOf(since));
  const parts = [
    project,
    up === null ? '' : `up ${showSpan(up)}`,
    status && status.pid !== null && isWide ? `pid ${status.pid}` : '',
    status && isWide ? `v${status.version}` : '',
    status && !isWide && up !== null
      ? `workers ${status.workers.busy}/${status.workers.total}`
      : '',
  ].filter(Boolean);
  const text = parts.join(isWide ? ` ${theme.glyphs.dot} ` : '  ');
  const state = stateText(model, sheet);
  const clock = status ? showToday(here) : '';
  const room = columns - ' jobrun   '.length - textWidth(state);
  const end = state === '' ? clock : `  ${clock}`;
  const right = textWidth(text) + textWidth(end) <= room ? end : '';
  return [
    ' ',
    styled('bold', 'jobrun'),
    '  ',
    ...fill(styled('dim', text), room - textWidth(right), theme),
    styled('yellow', state),
    styled('dim', right),
  ];
}

/** The state of the daemon, where something is wrong or paused. */
function stateText({ link, readOnly, status, silentSince }: Model, { here }: Sheet): string {
  const words = {
    opening: 'opening',
    offline: 'no daemon: read only',
    silent: `no answer since ${showSecond(silentSince ?? 0, here)}`,
    online: [status && daemonText(status), readOnly ? 'read only' : ''].filter(Boolean).join(', '),
  }[link];
  const broken = status?.broken.length ?? 0;
  const paused = status?.paused.all ? 'PAUSED' : '';
  return [words, paused, link === 'online' && broken > 0 ? `${broken} broken` : '']
    .filter(Boolean)
    .join(', ');
}

/** On a store another host may have the daemon. */
function daemonText({ pid, running }: Status): string {
  if (pid !== null) return '';
  return running ? 'no daemon on this host' : 'no daemon is running';
}

/** Workers and throughput on wide screens; narrow ones show them at the bottom. The last meters are dropped first. */
function meterRow({ status, link }: Model, { theme, columns }: Sheet): Row {
  if (!status) return '';
  const { workers, counts } = status;
  const { ended, failed } = throughputOf(status);
  const share = workers.total === 0 ? 0 : (100 * workers.busy) / workers.total;
  const cells = bar(theme, share, Math.min(20, Math.max(4, workers.total)));
  const isBad = failed.some((count) => (count ?? 0) > 0);
  const errors = styled(isBad ? 'red' : 'dim', sparkline(theme, failed));
  const meters = [
    ...(link === 'online'
      ? [['workers ', styled('cyan', cells), ` ${workers.busy}/${workers.total}`]]
      : []),
    [`queued ${showCount(counts.queued)}`],
    ['runs/min ', styled('green', sparkline(theme, ended)), ` ${rateOf(ended)}`],
    ['errors/min ', errors, ` ${rateOf(failed)}`],
  ];
  return meters.reduce<Exclude<Row, string>>((row, meter) => {
    const next = [row, rowWidth(row) > 0 ? '   ' : ' ', meter].flat();
    return rowWidth(next) <= columns ? next : row;
  }, []);
}

/** `runs/min ▁▂▃█ 14` */
export function throughputText(status: Status, theme: Theme): string {
  const { ended } = throughputOf(status);
  return `runs/min ${sparkline(theme, ended)} ${rateOf(ended)}`;
}

const throughputOf = ({ overview }: Status): Throughput =>
  overview?.throughput ?? { ended: [], failed: [] };

/** The count of the last whole minute, or of the current one if that is higher. */
function rateOf(values: readonly (number | null)[]): string {
  const known = values.slice(-2).filter((value) => value !== null);
  return known.length === 0 ? '?' : showShortCount(Math.max(...known));
}

/** From the longest form of the tabs to the shortest; the first `counted` of them have their counts. */
const FORMS = [
  { title: 'title', show: showCount, gap: 4, counted: 7 },
  { title: 'title', show: showCount, gap: 2, counted: 7 },
  { title: 'title', show: showShortCount, gap: 2, counted: 7 },
  { title: 'short', show: showShortCount, gap: 2, counted: 7 },
  { title: 'short', show: showShortCount, gap: 2, counted: 5 },
  { title: 'short', show: showShortCount, gap: 2, counted: 4 },
  { title: 'short', show: showShortCount, gap: 1, counted: 4 },
  { title: 'short', show: showShortCount, gap: 2, counted: 0 },
] as const;

/** The tabs in the longest form that fits. Without colours, brackets mark the current one. */
function tabRow(model: Model, sheet: Sheet): Row {
  const { filter } = model;
  const { theme, columns } = sheet;
  const row = tabSpans(model, sheet);
  const room = columns - rowWidth(row);
  if (filter === '' || room < 20 || !theme.color) return row;
  const shown = cut(`filter: ${tame(filter, theme)} `, room - 3, theme);
  return [...row, ...fill(styled('yellow', shown), room, theme, 'right')];
}

/** The tab at a column, counted from 1; null where there is none. */
export function tabAt(model: Model, sheet: Sheet, column: number): Tab | null {
  let end = 0;
  for (const [i, span] of tabSpans(model, sheet).entries()) {
    end += rowWidth(span);
    // Each tab is the blanks before it and its text.
    if (column <= end) return i % 2 === 0 ? null : (TABS[(i - 1) / 2]?.tab ?? null);
  }
  return null;
}

function tabSpans({ status, tab }: Model, { theme, columns }: Sheet): readonly (string | Span)[] {
  const rows = FORMS.map(({ title, show, gap, counted }) =>
    TABS.flatMap((info, i) => {
      const count = status && i < counted ? ` ${show(countOf(info, status))}` : '';
      const text = `${i + 1} ${info[title]}${count}`;
      const space = ' '.repeat(i === 0 ? 1 : theme.color ? gap : gap - 1);
      if (info.tab !== tab) return [space, text];
      return [space, theme.color ? styled('tab', text) : `[${text}]`];
    }),
  );
  return rows.find((one) => rowWidth(one) < columns) ?? rows.at(-1) ?? [];
}
