// The picture as Ink has it: one text for each line, which is drawn again only where it has changed.
import { Box, Text } from 'ink';
import { memo } from 'react';
import { frame } from './frame.ts';
import type { Look } from './look.ts';
import type { Store } from './store.ts';
import { useView } from './use-view.ts';

export function App({ store, look }: { readonly store: Store; readonly look: Look }) {
  const { model, now } = useView(store);
  return (
    <Box flexDirection="column" overflow="hidden">
      {frame(model, look, now).map((line, row) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a line is its place on the screen
        <Line key={row} text={line} />
      ))}
    </Box>
  );
}

const Line = memo(({ text }: { readonly text: string }) => <Text wrap="truncate">{text}</Text>);
