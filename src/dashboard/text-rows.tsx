// Rows of text as Ink draws them: each in a box of known size, its pieces coloured by Ink.
import { Box, Text } from 'ink';
import { createContext, createElement, type ReactNode, useContext } from 'react';
import { cutRow, type Row, type Span } from './rows.ts';
import { STYLES, type Theme } from './theme.ts';

/** The theme that everything below is drawn in. */
export const ThemeContext = createContext<Theme | null>(null);

interface TextRowProps {
  readonly row: Row;
  readonly width: number;
}

/**
 * One row. It is what `Text` is made of, with a size: the size of a `Text` is measured, and Ink 6 keeps every text that
 * it has ever measured or cut, which in a day is more than a process can hold. So nothing here is left to be measured.
 */
export function TextRow({ row, width }: TextRowProps): ReactNode {
  const theme = useContext(ThemeContext);
  if (!theme) throw new Error('a row needs a theme');
  const pieces = cutRow(row, width, theme).map((span) => pieceOf(span, theme));
  return createElement('ink-text', { style: { width, height: 1, flexShrink: 0 } }, ...pieces);
}

const pieceOf = ({ text, style }: Span, { color }: Theme): ReactNode =>
  color && style !== 'plain' ? <Text {...STYLES[style]}>{text}</Text> : text;

interface TextRowsProps {
  readonly rows: readonly Row[];
  readonly width: number;
  /** As many rows as are shown, blank ones at the end. */
  readonly height: number;
}

export function TextRows({ rows, width, height }: TextRowsProps): ReactNode {
  return (
    <Box flexDirection="column" width={width} height={height} flexShrink={0}>
      {rows.slice(0, height).map((row, i) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a row is its place on the screen
        <TextRow key={i} row={row} width={width} />
      ))}
    </Box>
  );
}
