// Everything that a command prints goes through here: results to stdout, talk to stderr. Lines are template texts whose
// values are made harmless, so that no text of a job or a caller can move the cursor or set a colour. Our own colours
// are the only exception. A state is always told in words, colour only repeats it.
import type { JobrunError } from '../../support/errors.ts';
import { eachGrapheme, NARROW, textWidth } from '../../support/graphemes.ts';
import { harmlessJson, plain, plainLine } from '../../support/text.ts';

export type ColorChoice = 'auto' | 'always' | 'never';

export interface Terminal {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
  once?(event: 'drain', listener: () => void): unknown;
}

export interface OutputOptions {
  readonly stdout: Terminal;
  readonly stderr: Terminal;
  readonly json: boolean;
  readonly quiet: boolean;
  readonly verbose: boolean;
  readonly color: ColorChoice;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Asked for when a local time is shown, and not before: the system's own is not cheap to find out. */
  readonly timezone: () => string;
  readonly now: () => number;
  /** A text with its commands as they can be typed where this one was; left out: as they are. */
  readonly asTyped?: (text: string) => string;
}

const STYLES = { red: 31, green: 32, yellow: 33, blue: 34, cyan: 36, dim: 2, bold: 1 } as const;
export type Style = keyof typeof STYLES;

/** A text of ours, or one made harmless, with its colour. */
export interface Painted {
  readonly style: Style;
  readonly text: string;
}

export type Value = string | number | Painted;

export interface Column {
  readonly title: string;
  /** Gives way first where the table is wider than the terminal. */
  readonly flex?: boolean;
  readonly right?: boolean;
}

export const paint = (style: Style, text: string): Painted => ({ style, text: plainLine(text) });

/** The colours of states, here and in the dashboard; the word itself always stands beside them. */
export const STATE_STYLES: Readonly<Record<string, Style>> = {
  running: 'cyan',
  queued: 'blue',
  done: 'green',
  ok: 'green',
  failed: 'red',
  broken: 'red',
  missing: 'red',
  aborted: 'yellow',
  paused: 'yellow',
  stopped: 'yellow',
};

export const paintState = (state: string): Value => {
  const style = STATE_STYLES[state];
  return style ? paint(style, state) : state;
};

export class Output {
  readonly #options: OutputOptions;

  /** Set where the command was done on the files, because no daemon runs. */
  offline = false;
  /** The instant at which the daemon that is gone was last known to be alive with runs under way; null if unknown. */
  aliveAt: number | null = null;

  /** The text of the line that is drawn over; null if there is none. */
  #progress: string | null = null;
  /** When a pipe was last told of progress, or could have been. */
  #toldAt: number | null = null;

  constructor(options: OutputOptions) {
    this.#options = options;
  }

  /** Asked for when something is printed there: Node opens a stream with the first look at it. */
  #colored(where: 'stdout' | 'stderr'): boolean {
    return !this.json && wantsColor(this.#options, this.#options[where].isTTY === true);
  }

  get json(): boolean {
    return this.#options.json;
  }

  get timezone(): string {
    return this.#options.timezone();
  }

  get now(): number {
    return this.#options.now();
  }

  get isTerminal(): boolean {
    return this.#options.stdout.isTTY === true;
  }

  /** The columns for a table: without a limit if the output goes to a program, unless COLUMNS sets one. */
  get width(): number {
    const columns = this.#options.stdout.columns ?? Number(this.#options.env.COLUMNS);
    if (columns && columns > 20) return columns;
    return this.isTerminal ? 80 : Number.POSITIVE_INFINITY;
  }

  /** With `--json` the document, with `--quiet` the ids, one a line. True where that was all that was asked for. */
  done(document: unknown, ids: readonly string[]): boolean {
    if (this.#options.json) this.document(document);
    else if (this.#options.quiet) for (const id of ids) this.line`${id}`;
    return this.#options.json || this.#options.quiet;
  }

  /** One JSON text on a line of its own. */
  document(value: unknown): void {
    this.#options.stdout.write(`${harmlessJson(value)}\n`);
  }

  /** Text that is for programs, as it is; resolves when there is room for more. */
  async raw(text: string): Promise<void> {
    const { stdout } = this.#options;
    if (stdout.write(text) !== false || !stdout.once) return;
    await new Promise<void>((resolve) => stdout.once?.('drain', resolve));
  }

  /** A line of the result. */
  line(texts: TemplateStringsArray, ...values: readonly Value[]): void {
    this.#print('stdout', `${this.#fill(texts, values, this.#colored('stdout'))}\n`);
  }

  /** Text of several lines that a job wrote. */
  block(text: string, indent: string): void {
    for (const line of plain(text).split('\n')) this.#options.stdout.write(`${indent}${line}\n`);
  }

  /** Talk: what is going on, not what was asked for. */
  note(texts: TemplateStringsArray, ...values: readonly Value[]): void {
    if (this.#options.json || this.#options.quiet) return;
    const said = this.#fill(texts, values, this.#colored('stderr'));
    this.#print('stderr', `${this.#typed(said)}\n`);
  }

  /**
   * A line that is read also by a program, and where only ids are printed: what was asked for may not be what is done.
   */
  warn(text: string): void {
    const { stderr, json } = this.#options;
    this.progress(null);
    const line = json ? harmlessJson({ warning: { message: text } }) : plainLine(text);
    stderr.write(`${line}\n`);
  }

  error(error: JobrunError): void {
    const { stderr, json, verbose } = this.#options;
    const hint = error.hint === '' ? 'See jobrun --help.' : error.hint;
    if (json) {
      stderr.write(`${harmlessJson({ error: { ...error.toJSON(), hint } })}\n`);
      return;
    }
    this.progress(null);
    const word = this.#show(paint('red', 'error:'), this.#colored('stderr'));
    // A user who asked for output in a file looks for one line that says why it is not whole.
    const next = error.code === 'output-lost' ? '' : `  ${indented(this.#typed(hint))}\n`;
    stderr.write(`${word} ${indented(error.message)}\n${next}`);
    if (verbose) stderr.write(`${plain(stackOf(error))}\n`);
  }

  /**
   * How far something is: on a terminal a line below all that is printed, drawn over each time; in a pipe a line every
   * ten seconds. Null ends it.
   */
  progress(now: { readonly percent: number; readonly text: string | null } | null): void {
    const { stderr, json, quiet } = this.#options;
    if (json || quiet) return;
    if (stderr.isTTY !== true) {
      this.#toldAt ??= this.now;
      if (now === null || this.now - this.#toldAt < TELL_EVERY_MS) return;
      this.#toldAt = this.now;
      this.note`${`${Math.floor(now.percent)}% ${now.text ?? ''}`.trimEnd()}`;
      return;
    }
    if (this.#progress !== null) stderr.write(CLEAR_LINE);
    this.#progress = now && cut(barOf(now), (stderr.columns ?? 80) - 1);
    if (this.#progress !== null) stderr.write(this.#progress);
  }

  #typed(text: string): string {
    return this.#options.asTyped?.(text) ?? text;
  }

  /** Prints lines; the line of progress stays below them. */
  #print(where: 'stdout' | 'stderr', text: string): void {
    const { [where]: terminal, stderr } = this.#options;
    if (this.#progress === null) {
      terminal.write(text);
      return;
    }
    stderr.write(CLEAR_LINE);
    terminal.write(text);
    stderr.write(this.#progress);
  }

  /** Columns padded to their widest cell, and cut where the terminal is narrower. */
  table(columns: readonly Column[], rows: readonly (readonly Value[])[]): void {
    const titles = columns.map((column) => paint('dim', column.title));
    const { width } = this;
    const widths = fitted(columns, [titles, ...rows], width);
    for (const row of rows.length > 0 ? [titles, ...rows] : []) {
      const cells = row.map((cell, i) =>
        this.#cell(
          cell,
          { width: widths[i] ?? 0, whole: width === Number.POSITIVE_INFINITY },
          columns[i],
        ),
      );
      this.#options.stdout.write(`${cells.join('  ').trimEnd()}\n`);
    }
  }

  /** Makes room for the next picture of something that is watched. */
  clear(): void {
    if (this.isTerminal) this.#options.stdout.write('\u001b[H\u001b[2J');
  }

  #cell(
    value: Value,
    { width, whole }: { readonly width: number; readonly whole: boolean },
    column: Column | undefined,
  ): string {
    const text = whole ? textOf(value) : cut(textOf(value), width);
    // One long text is no reason to send blanks in all the other rows.
    const space = ' '.repeat(Math.max(0, Math.min(width, WIDEST) - textWidth(text)));
    const painted = typeof value === 'object' ? { ...value, text } : text;
    const shown = this.#show(painted, this.#colored('stdout'));
    return column?.right ? space + shown : shown + space;
  }

  #fill(texts: TemplateStringsArray, values: readonly Value[], colored: boolean): string {
    return texts.reduce((line, text, i) => line + this.#show(values[i - 1] ?? '', colored) + text);
  }

  #show(value: Value, colored: boolean): string {
    if (!colored || typeof value !== 'object') return textOf(value);
    return `\u001b[${STYLES[value.style]}m${value.text}\u001b[0m`;
  }
}

/** The choice of `--color`, which the command line has checked. */
export const colorChoice = (given: unknown): ColorChoice =>
  given === 'always' || given === 'never' ? given : 'auto';

/** True where text is to be coloured. */
export function wantsColor(
  { color, env }: Pick<OutputOptions, 'color' | 'env'>,
  terminal: boolean,
): boolean {
  if (color !== 'auto') return color === 'always';
  const force = env.FORCE_COLOR;
  if (force !== undefined) return force !== '0' && force !== 'false';
  return terminal && !env.NO_COLOR && env.TERM !== 'dumb';
}

const textOf = (value: Value): string =>
  typeof value === 'object' ? value.text : plainLine(String(value));

const indented = (text: string): string => plain(text).replaceAll('\n', '\n  ');

function stackOf(error: JobrunError): string {
  const cause = error.cause instanceof Error ? `\ncaused by ${error.cause.stack}` : '';
  return `${error.stack}${cause}`;
}

const CLEAR_LINE = '\r\u001b[K';
const TELL_EVERY_MS = 10_000;
const BAR_CELLS = 20;

function barOf({
  percent,
  text,
}: {
  readonly percent: number;
  readonly text: string | null;
}): string {
  const full = fullCells(percent, BAR_CELLS);
  const bar = `${'='.repeat(full)}${full < BAR_CELLS ? '>' : ''}`.padEnd(BAR_CELLS);
  return `[${bar}] ${Math.floor(percent)}%${text === null ? '' : ` ${plainLine(text)}`}`;
}

/** The number of filled cells of a bar. It is empty only at 0 % and full only at 100 %. */
export function fullCells(percent: number, cells: number): number {
  const least = percent > 0 ? 1 : 0;
  const most = percent < 100 ? cells - 1 : cells;
  return Math.max(least, Math.min(Math.round((percent / 100) * cells), most));
}

const GAP = 2;
const NARROWEST = 6;
/** A column is filled up to this, where a program reads it. */
const WIDEST = 120;

function fitted(
  columns: readonly Column[],
  rows: readonly (readonly Value[])[],
  width: number,
): readonly number[] {
  const widths = columns.map((_, i) =>
    Math.max(...rows.map((row) => textWidth(textOf(row[i] ?? '')))),
  );
  let over = widths.reduce((sum, one) => sum + one + GAP, -GAP) - width;
  const flexible = columns.flatMap((column, i) => (column.flex ? [i] : []));
  const others = columns.map((_, i) => i).sort((a, b) => (widths[b] ?? 0) - (widths[a] ?? 0));
  for (const i of [...flexible, ...others]) {
    const give = Math.min(Math.max(over, 0), Math.max((widths[i] ?? 0) - NARROWEST, 0));
    widths[i] = (widths[i] ?? 0) - give;
    over -= give;
  }
  return widths;
}

/** At most `width` columns; what is left out is marked. */
function cut(text: string, width: number): string {
  if (textWidth(text) <= width) return text;
  if (NARROW.test(text)) return `${text.slice(0, width - 1)}…`;
  let kept = '';
  let columns = 0;
  for (const letter of eachGrapheme(text)) {
    columns += textWidth(letter);
    if (columns > width - 1) break;
    kept += letter;
  }
  return `${kept}…`;
}
