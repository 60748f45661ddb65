// The picture as Ink has it: a line of its own for each row, which React touches only where it has changed.
import { Box, Text, Transform } from 'ink';
import { memo } from 'react';
import { frame } from './frame.ts';
import type { Look } from './look.ts';
import { MARK, type Picture } from './picture.ts';
import type { Store } from './store.ts';
import { useView } from './use-view.ts';

interface AppProps {
  readonly store: Store;
  readonly look: Look;
  readonly picture: Picture;
}

export function App({ store, look, picture }: AppProps) {
  const { model, now } = useView(store);
  return (
    <Box flexDirection="column">
      {frame(model, look, now).map((text, row) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a line is its place on the screen
        <Line key={row} row={row} text={text} picture={picture} />
      ))}
    </Box>
  );
}

interface LineProps {
  readonly row: number;
  readonly text: string;
  readonly picture: Picture;
}

const Line = memo(({ row, text, picture }: LineProps) => (
  <Transform transform={() => picture.place(row, text)}>
    <Text>{MARK}</Text>
  </Transform>
));
