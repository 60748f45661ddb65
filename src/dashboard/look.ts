// How things look: characters and colours, chosen once at the start. Without colours nothing is lost: what a colour
// says stands there in words or marks too. Every character of ours is one column wide.

import { STATE_STYLES } from '../commands/output.ts';
import type { Here } from './clock-texts.ts';

export interface Look {
  readonly color: boolean;
  readonly glyphs: Glyphs;
  /** The terminal shows ASCII only: texts of jobs are cut down to it too. */
  readonly asciiTexts: boolean;
}

export interface Glyphs {
  readonly full: string;
  readonly empty: string;
  readonly spark: readonly string[];
  readonly rule: string;
  readonly wall: string;
  readonly teeDown: string;
  readonly teeUp: string;
  readonly more: string;
  readonly dot: string;
  readonly arrows: string;
  readonly enter: string;
  readonly following: string;
}

const UNICODE: Glyphs = {
  full: '█',
  empty: '░',
  spark: [...'▁▂▃▄▅▆▇█'],
  rule: '─',
  wall: '│',
  teeDown: '┬',
  teeUp: '┴',
  more: '…',
  dot: '·',
  arrows: '↑↓',
  enter: '⏎',
  following: '▼ following',
};

const ASCII: Glyphs = {
  full: '#',
  empty: '.',
  spark: [...'01234567'],
  rule: '-',
  wall: '|',
  teeDown: '+',
  teeUp: '+',
  more: '~',
  dot: '-',
  arrows: 'j/k',
  enter: 'Enter',
  following: 'following',
};

/** Where something is drawn: how it looks, how wide, and when. */
export interface Sheet {
  readonly look: Look;
  readonly columns: number;
  readonly here: Here;
}

type Env = Readonly<Record<string, string | undefined>>;

export function lookFor(
  env: Env,
  options: { readonly ascii?: boolean; readonly color?: 'auto' | 'always' | 'never' } = {},
): Look {
  const locale = env.LC_ALL || env.LC_CTYPE || env.LANG || '';
  const ascii = options.ascii === true || !/utf-?8/i.test(locale);
  return {
    color: wantsColor(env, options.color ?? 'auto'),
    glyphs: ascii ? ASCII : UNICODE,
    asciiTexts: ascii,
  };
}

function wantsColor(env: Env, choice: 'auto' | 'always' | 'never'): boolean {
  if (choice !== 'auto') return choice === 'always';
  if (env.FORCE_COLOR !== undefined) return env.FORCE_COLOR !== '0' && env.FORCE_COLOR !== 'false';
  return !env.NO_COLOR && env.TERM !== 'dumb';
}

// The 16 colours that every terminal has, in its own theme.
const STYLES = {
  bold: [1, 22],
  dim: [2, 22],
  inverse: [7, 27],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  blue: [34, 39],
  cyan: [36, 39],
} as const;
export type Style = keyof typeof STYLES;

export function paint(look: Look, style: Style | null, text: string): string {
  if (!look.color || style === null || text === '') return text;
  const [on, off] = STYLES[style];
  return `\u001b[${on}m${text}\u001b[${off}m`;
}

export const styleOfState = (state: string): Style | null => STATE_STYLES[state] ?? null;

/** A bar of `width` cells. Something begun is never shown as nothing, something unfinished never as all. */
export function bar(look: Look, percent: number, width: number): string {
  const exact = Math.round((percent / 100) * width);
  const least = percent > 0 ? 1 : 0;
  const most = percent < 100 ? width - 1 : width;
  const full = Math.max(least, Math.min(exact, most));
  return look.glyphs.full.repeat(full) + look.glyphs.empty.repeat(Math.max(0, width - full));
}

/** One cell a minute, scaled to its own highest; a blank where nobody counted. */
export function sparkline(look: Look, values: readonly (number | null)[]): string {
  const { spark } = look.glyphs;
  const most = Math.max(1, ...values.map((value) => value ?? 0));
  const cell = (value: number | null): string => {
    if (value === null) return ' ';
    const step = value === 0 ? 0 : Math.max(1, Math.round((value / most) * (spark.length - 1)));
    return spark[step] ?? '';
  };
  return values.map(cell).join('');
}
