// The dashboard from start to end: takes the terminal, opens the link and loads Ink at the same time, then draws keys
// and changes until it is closed.
import type { Clock } from '../support/clock.ts';
import { errorLine } from '../support/errors.ts';
import { Controller } from './controller.ts';
import { headerRows } from './header.ts';
import { Link, type Places } from './link.ts';
import { LogFollower } from './log-follower.ts';
import { newModel } from './model.ts';
import { Refresh } from './refresh.ts';
import { textOf } from './rows.ts';
import { sceneOf } from './scene.ts';
import { ScreenOutput } from './screen.ts';
import { Store } from './store.ts';
import { Terminal, type TerminalStreams } from './terminal.ts';
import type { Theme } from './theme.ts';

export interface DashboardOptions extends TerminalStreams {
  readonly places: Places;
  readonly theme: Theme;
  readonly readOnly: boolean;
  readonly timezone: string;
  /** The text with the lines to type in it as they work in the user's shell. */
  readonly asTyped: (text: string) => string;
  readonly clock: Clock;
  /** Gets what gives the terminal back, to be called however the process ends. */
  readonly onOpen: (leave: () => void) => void;
}

/** Runs the dashboard; resolves when it is closed. */
export function openDashboard(options: DashboardOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    const dashboard = new Dashboard(options, (error) => (error ? reject(error) : resolve()));
    dashboard.open().catch((error) => dashboard.end(error));
  });
}

class Dashboard {
  readonly #o: DashboardOptions;
  readonly #done: (error: unknown) => void;
  readonly #terminal: Terminal;
  readonly #store: Store;
  readonly #link: Link;
  readonly #refresh: Refresh;
  readonly #log: LogFollower;
  readonly #undo: (() => void)[] = [];
  readonly #screen: ScreenOutput;
  #stopDrawing = (): void => undefined;
  #ended = false;

  constructor(options: DashboardOptions, done: (error: unknown) => void) {
    const { clock, readOnly, places, timezone, asTyped } = options;
    this.#o = options;
    this.#done = done;
    this.#terminal = new Terminal(options, clock);
    const model = newModel(this.#terminal.size, readOnly, timezone, asTyped);
    this.#store = new Store(model, clock);
    this.#screen = new ScreenOutput(this.#terminal.write, this.#terminal.size);
    this.#link = new Link(places, clock, {
      onLink: (link, aliveAt) =>
        this.#store.change(({ silentSince, ...model }) => ({
          ...model,
          ...{ link, aliveAt },
          silentSince: link === 'silent' ? (silentSince ?? clock.now()) : null,
        })),
      onChange: () => this.#refresh.soon(),
      onError: (error) => this.#tell(error),
    });
    this.#refresh = new Refresh(this.#store, this.#link);
    this.#log = new LogFollower(this.#store, this.#link);
  }

  async open(): Promise<void> {
    const terminal = this.#terminal;
    this.#o.onOpen(terminal.leave);
    terminal.enter();
    const desk = { store: this.#store, link: this.#link, refresh: this.#refresh };
    const controller = new Controller(desk, this.#o.theme, {
      quit: () => this.end(null),
      suspend: () => this.#suspend(),
      redraw: () => this.#redraw(),
      copy: (text) => terminal.copy(text),
      turnMouse: () => terminal.turnMouse(),
    });
    terminal.onKey(controller.press);
    this.#undo.push(
      this.#store.subscribe(this.#log.look),
      terminal.onResize(() => this.#redraw()),
      terminal.onGone(() => this.end(null)),
    );
    process.on('SIGCONT', this.#resume);
    this.#link.run().catch((error) => this.end(error));
    // Ink takes longer to load than everything else. The header is shown as plain text until then.
    const top = headerRows(sceneOf(this.#store.view(), this.#o.theme));
    this.#screen.write(top.map(textOf).join('\n'));
    const { draw } = await importApp();
    if (this.#ended) return;
    this.#stopDrawing = draw(this.#store, this.#o.theme, this.#screen, this.end);
  }

  readonly end = (error: unknown): void => {
    if (this.#ended) return;
    this.#ended = true;
    process.off('SIGCONT', this.#resume);
    for (const undo of this.#undo) undo();
    // Before Ink unmounts: its last, empty frame must not reach the terminal.
    this.#terminal.leave();
    this.#stopDrawing();
    this.#log.close();
    this.#refresh.close();
    this.#store.close();
    this.#link.close().finally(() => this.#done(error));
  };

  /** Draws everything again at the present size of the terminal. */
  #redraw(): void {
    const { size } = this.#terminal;
    this.#screen.clear(size);
    this.#store.set({ size });
    this.#refresh.now();
  }

  #suspend(): void {
    this.#terminal.suspend();
    // If nothing can suspend us, no signal comes to go on.
    this.#undo.push(this.#store.clock.after(100, this.#resume));
  }

  readonly #resume = (): void => {
    if (this.#ended) return;
    this.#terminal.leave();
    this.#terminal.enter();
    this.#redraw();
  };

  #tell(error: unknown): void {
    this.#store.say(typeof error === 'string' ? error : errorLine(error), true);
  }
}

/** Imports the app with the environment that React and Ink read on import: production, 16 colours, no CI mode. */
export async function importApp(): Promise<typeof import('./app.tsx')> {
  const names = ['NODE_ENV', 'CI', 'CONTINUOUS_INTEGRATION', 'FORCE_COLOR'] as const;
  const before = names.map((name) => [name, process.env[name]] as const);
  for (const name of names) delete process.env[name];
  Object.assign(process.env, { NODE_ENV: 'production', FORCE_COLOR: '1' });
  try {
    return await import('./app.tsx');
  } finally {
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  }
}
