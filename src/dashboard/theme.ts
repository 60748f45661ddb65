// The theme: characters and colours of the dashboard, chosen once at the start. Words or marks repeat what a colour
// says, so nothing is lost without colours. Every character here is one column wide.
import type { TextProps } from 'ink';
import {
  type ColorChoice,
  fullCells,
  STATE_STYLES,
  wantsColor,
} from '../commands/shared/output.ts';
import type { Beat } from '../commands/shared/run-words.ts';
import type { TimeReference } from '../support/typed-times.ts';

export interface Theme {
  readonly color: boolean;
  readonly glyphs: Glyphs;
  /** True if the terminal shows ASCII only. Texts from jobs are reduced to it too. */
  readonly asciiTexts: boolean;
}

const UNICODE = {
  full: '█',
  empty: '░',
  spark: [...'▁▂▃▄▅▆▇█'],
  rule: '─',
  /** The border between the list and the detail, as Ink names it. */
  border: 'single' as 'single' | 'classic',
  teeDown: '┬',
  teeUp: '┴',
  more: '…',
  dot: '·',
  arrows: '↑↓',
  enter: '⏎',
  following: '▼ following',
};

export type Glyphs = Readonly<typeof UNICODE>;

const ASCII: Glyphs = {
  full: '#',
  empty: '.',
  spark: [...'01234567'],
  rule: '-',
  border: 'classic',
  teeDown: '+',
  teeUp: '+',
  more: '~',
  dot: '-',
  arrows: 'j/k',
  enter: 'Enter',
  following: 'following',
};

/** Theme and width that rows are made for, the time, and whether a daemon runs then. */
export interface Sheet {
  readonly theme: Theme;
  readonly columns: number;
  readonly here: TimeReference & Beat;
}

type Env = Readonly<Record<string, string | undefined>>;

export function themeFor(
  env: Env,
  options: { readonly ascii?: boolean; readonly color?: ColorChoice } = {},
): Theme {
  const locale = env.LC_ALL || env.LC_CTYPE || env.LANG || '';
  const ascii = options.ascii === true || !/utf-?8/i.test(locale);
  return {
    color: wantsColor({ env, color: options.color ?? 'auto' }, true),
    glyphs: ascii ? ASCII : UNICODE,
    asciiTexts: ascii,
  };
}

/** Properties of Ink's `Text` for each style. They use the 16 colours that every terminal has. */
export const STYLES = {
  plain: {},
  bold: { bold: true },
  dim: { dimColor: true },
  red: { color: 'red' },
  green: { color: 'green' },
  yellow: { color: 'yellow' },
  blue: { color: 'blue' },
  cyan: { color: 'cyan' },
  inverse: { inverse: true },
  /** The tab of the list on the screen. */
  tab: { inverse: true, bold: true },
  /** The two parts of a bar. */
  full: { color: 'cyan' },
  empty: {},
} as const satisfies Readonly<Record<string, TextProps>>;
export type Style = keyof typeof STYLES;

export const styleOfState = (state: string): Style => STATE_STYLES[state] ?? 'plain';

/** Lengths of the two parts of a bar. */
export function barLengths(percent: number, cells: number): { full: number; empty: number } {
  const full = fullCells(percent, cells);
  return { full, empty: Math.max(0, cells - full) };
}

export function bar({ glyphs }: Theme, percent: number, cells: number): string {
  const { full, empty } = barLengths(percent, cells);
  return glyphs.full.repeat(full) + glyphs.empty.repeat(empty);
}

/** One cell a minute, scaled to the highest value; a blank for a minute without a count. */
export function sparkline(
  { glyphs: { spark } }: Theme,
  values: readonly (number | null)[],
): string {
  const most = Math.max(1, ...values.map((value) => value ?? 0));
  const cell = (value: number | null): string => {
    if (value === null) return ' ';
    const step = value === 0 ? 0 : Math.max(1, Math.round((value / most) * (spark.length - 1)));
    return spark[step] ?? '';
  };
  return values.map(cell).join('');
}
