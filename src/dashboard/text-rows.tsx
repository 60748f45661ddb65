// The Ink components for rows of text: Ink places each row and colours its spans.
import { Box, Text } from 'ink';
import { createContext, createElement, type ReactNode, useContext } from 'react';
import { cutRow, type Row, type Span } from './rows.ts';
import { STYLES, type Theme, themeFor } from './theme.ts';

/** The theme of all rows below. */
export const ThemeContext = createContext<Theme>(themeFor({}));

interface TextRowProps {
  readonly row: Row;
  readonly width: number;
}

/**
 * Draws one row. Ink measures a `Text`, and Ink 6 caches every text that it has measured or cut, for the life of the
 * process. This is the element that `Text` consists of, with a fixed size, so Ink measures and caches nothing.
 */
export function TextRow({ row, width }: TextRowProps): ReactNode {
  const theme = useContext(ThemeContext);
  const pieces = cutRow(row, width, theme).map((span) => pieceOf(span, theme));
  return createElement('ink-text', { style: { width, height: 1, flexShrink: 0 } }, ...pieces);
}

const pieceOf = ({ text, style }: Span, { color }: Theme): ReactNode =>
  color && style !== 'plain' ? <Text {...STYLES[style]}>{text}</Text> : text;

interface TextRowsProps {
  readonly rows: readonly Row[];
  readonly width: number;
  /** Number of rows on the screen, blank ones at the end included. */
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
