// The whole screen: header, body and footer, drawn by Ink. Each part is a function of the model and the time; the
// store says when they have changed. This file is loaded late: React and Ink read the environment when they are imported.
import { Box, render } from 'ink';
import { useCallback, useEffect, useSyncExternalStore } from 'react';
import { boardOf } from './context.ts';
import { Footer } from './footer.tsx';
import { FormView, JobPicker } from './form-view.tsx';
import { Header } from './header.tsx';
import { jobTicks } from './job-table.ts';
import { LEAST, layoutFor, under } from './layout.ts';
import { ListView } from './list-view.tsx';
import type { Model, Size } from './model.ts';
import { pageOf } from './pages.ts';
import { runTicks } from './run-table.ts';
import type { Screen } from './screen.ts';
import { paced, type Store, type View } from './store.ts';
import { TextRow, TextRows, ThemeContext, type ViewProps } from './text-rows.tsx';
import type { Theme } from './theme.ts';

/** Draws each change of the store on the screen, until the function that it returns is called. */
export function draw(
  store: Store,
  theme: Theme,
  screen: Screen,
  onCrash: (error: unknown) => void,
): () => void {
  let closed = false;
  const ink = render(<Live store={store} theme={theme} />, {
    // What Ink asks of a stdout, `write`, `columns` and `rows`, the screen has; it is no terminal itself.
    stdout: screen as unknown as NodeJS.WriteStream,
    debug: true,
    patchConsole: false,
    exitOnCtrlC: false,
    // For a screen reader Ink would leave out rows.
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

function Live({ store, theme }: { readonly store: Store; readonly theme: Theme }) {
  const subscribe = useCallback((changed: () => void) => paced(store, changed), [store]);
  const view = useSyncExternalStore(subscribe, store.view);
  useEffect(
    () => store.clock.after(nextTickMs(view.model, view.now) + 2, () => store.tick()),
    [store, view],
  );
  return <App {...view} theme={theme} />;
}

export function App({ model, now, theme }: View & { readonly theme: Theme }) {
  const layout = layoutFor(model.size);
  const { kind, columns, height, body } = layout;
  const sheet = { theme, columns, here: { now, timezone: model.timezone } };
  const view = { model, layout, sheet, page: pageOf(model, sheet, body) };
  return (
    <ThemeContext value={theme}>
      <Box flexDirection="column" width={columns} height={height}>
        {kind === 'tiny' ? (
          <TextRow row={tooSmall(model.size)} width={columns} />
        ) : (
          <>
            <Header {...view} />
            <Body {...view} />
            <Footer {...view} />
          </>
        )}
      </Box>
    </ThemeContext>
  );
}

const tooSmall = ({ columns, rows }: Size): string =>
  `jobrun needs ${LEAST.columns}x${LEAST.rows}, this is ${columns}x${rows}`;

/** Between header and footer: a list with its detail, or what has all of it. */
function Body(view: ViewProps) {
  const { model, layout, sheet, page } = view;
  const { body, columns } = layout;
  const screen = under(model.screen);
  if (screen.kind === 'pick') return <JobPicker pick={screen} sheet={sheet} height={body} />;
  if (screen.kind === 'form') return <FormView form={screen.form} sheet={sheet} height={body} />;
  if (!page) return <ListView {...view} />;
  return <TextRows rows={[page.head, ...page.rows]} width={columns} height={body + 1} />;
}

/** When the screen looks different although nothing has changed: in a second, or at the next full minute. */
export function nextTickMs(model: Model, now: number): number {
  const list = boardOf(model)?.list;
  const from = Math.max(0, model.place.top - (list?.offset ?? 0));
  const to = from + layoutFor(model.size).list;
  const detail = model.board?.detail;
  const busy =
    model.screen.kind === 'form' ||
    model.screen.kind === 'due' ||
    (detail?.kind === 'run' &&
      detail.run.state === 'running' &&
      detail.run.id === model.place.id) ||
    list?.runs.slice(from, to).some((run) => runTicks(run, now)) ||
    list?.jobs.slice(from, to).some((job) => jobTicks(job, now));
  return busy ? 1000 - (now % 1000) : 60_000 - (now % 60_000);
}
