// The whole screen as Ink components: header, body and footer. Each draws rows of text that a pure function makes from
// the model and the time. `dashboard.ts` imports this file late, because React and Ink read the environment on import.
import { Box, render } from 'ink';
import { useCallback, useEffect, useSyncExternalStore } from 'react';
import { footerRows } from './footer.ts';
import { FormView, JobPicker } from './form-view.tsx';
import { headerRows } from './header.ts';
import { LEAST, under } from './layout.ts';
import { detailRows, listRows } from './list-rows.ts';
import type { Size } from './model.ts';
import { ruleRow, styled } from './rows.ts';
import { nextTickMs, type Scene, sceneOf } from './scene.ts';
import type { ScreenOutput } from './screen.ts';
import { paced, type Store, type View } from './store.ts';
import { TextRow, TextRows, ThemeContext } from './text-rows.tsx';
import type { Theme } from './theme.ts';

/** Draws each change of the store on the screen, until the function that it returns is called. */
export function draw(
  store: Store,
  theme: Theme,
  screen: ScreenOutput,
  onCrash: (error: unknown) => void,
): () => void {
  let closed = false;
  const ink = render(<Live store={store} theme={theme} />, {
    // Ink uses `write`, `columns` and `rows` of its stdout. `ScreenOutput` has these and nothing else of a terminal.
    stdout: screen as unknown as NodeJS.WriteStream,
    debug: true,
    patchConsole: false,
    exitOnCtrlC: false,
    // Ink drops rows when INK_SCREEN_READER is set.
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

/** Renders the app again when the store changes and when a shown time changes. */
function Live({ store, theme }: { readonly store: Store; readonly theme: Theme }) {
  const subscribe = useCallback((changed: () => void) => paced(store, changed), [store]);
  const view = useSyncExternalStore(subscribe, store.view);
  useEffect(() => store.clock.after(nextTickMs(view) + 2, () => store.tick()), [store, view]);
  return <App {...view} theme={theme} />;
}

export function App({ theme, ...view }: View & { readonly theme: Theme }) {
  const scene = sceneOf(view, theme);
  const { kind, columns, height } = scene.layout;
  return (
    <ThemeContext value={theme}>
      <Box flexDirection="column" width={columns} height={height}>
        {kind === 'tiny' ? (
          <TextRow row={tooSmall(view.model.size)} width={columns} />
        ) : (
          <>
            <Header {...scene} />
            <Body {...scene} />
            <Footer {...scene} />
          </>
        )}
      </Box>
    </ThemeContext>
  );
}

const tooSmall = ({ columns, rows }: Size): string =>
  `jobrun needs ${LEAST.columns}x${LEAST.rows}, this is ${columns}x${rows}`;

const Header = (scene: Scene) => (
  <TextRows rows={headerRows(scene)} width={scene.layout.columns} height={scene.layout.header} />
);

const Footer = (scene: Scene) => (
  <TextRows rows={footerRows(scene)} width={scene.layout.columns} height={scene.layout.footer} />
);

/** The part between header and footer: a form, a page, or a list with its detail. */
function Body(scene: Scene) {
  const { model, layout, sheet, page } = scene;
  const { body, columns } = layout;
  const screen = under(model.screen);
  if (screen.kind === 'pick') return <JobPicker pick={screen} sheet={sheet} height={body} />;
  if (screen.kind === 'form') return <FormView form={screen.form} sheet={sheet} height={body} />;
  if (page) return <TextRows rows={[page.head, ...page.rows]} width={columns} height={body + 1} />;
  return layout.kind === 'wide' ? <ListBesideDetail {...scene} /> : <ListOverDetail {...scene} />;
}

const ListOverDetail = (scene: Scene) => (
  <Box flexDirection="column">
    <TextRow row={ruleRow(scene.layout.columns, scene.sheet.theme)} width={scene.layout.columns} />
    <List {...scene} />
    {scene.layout.kind === 'tall' && <Detail {...scene} />}
  </Box>
);

function ListBesideDetail(scene: Scene) {
  const { columns, listColumns, paneColumns } = scene.layout;
  const { color, glyphs } = scene.sheet.theme;
  const rule = glyphs.rule.repeat(listColumns) + glyphs.teeDown + glyphs.rule.repeat(paneColumns);
  const wall = { borderTop: false, borderRight: false, borderBottom: false, borderDimColor: color };
  return (
    <Box flexDirection="column">
      <TextRow row={styled('dim', rule)} width={columns} />
      <Box>
        <List {...scene} />
        <Box borderStyle={glyphs.border} {...wall}>
          <Detail {...scene} />
        </Box>
      </Box>
    </Box>
  );
}

const List = (scene: Scene) => (
  <TextRows
    rows={listRows(scene)}
    width={scene.layout.listColumns}
    height={scene.layout.list + 1}
  />
);

const Detail = (scene: Scene) => (
  <TextRows rows={detailRows(scene)} width={scene.layout.paneColumns} height={scene.layout.pane} />
);
