// Ink, on our canvas. This is the only file that is loaded late: React and Ink read the environment when they are
// imported.
import { render } from 'ink';
import { App } from './app.tsx';
import type { Canvas } from './canvas.ts';
import type { Look } from './look.ts';
import { Picture } from './picture.ts';
import type { Store } from './store.ts';

/** Draws each change of the store, until the function that it returns is called. */
export function draw(
  store: Store,
  look: Look,
  canvas: Canvas,
  onCrash: (error: unknown) => void,
): () => void {
  let closed = false;
  const picture = new Picture(canvas);
  const ink = render(<App store={store} look={look} picture={picture} />, {
    stdout: picture as unknown as NodeJS.WriteStream,
    debug: true,
    patchConsole: false,
    exitOnCtrlC: false,
    // The lines are plain text already, and for a screen reader Ink would leave them out.
    isScreenReaderEnabled: false,
  });
  ink.waitUntilExit().catch((error) => {
    if (!closed) onCrash(error);
  });
  return () => {
    closed = true;
    ink.unmount();
  };
}
