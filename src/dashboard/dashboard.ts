// The dashboard from its opening to its end: the terminal is taken, the link opened and Ink loaded side by side, and
// what is there is drawn; then keys and changes, until somebody quits.
import { type Clock, delay } from '../support/clock.ts';
import { errorLine } from '../support/errors.ts';
import { Canvas } from './canvas.ts';
import { Controller } from './controller.ts';
import { frame } from './frame.ts';
import { Link, type Places } from './link.ts';
import { LogFollower } from './log-follower.ts';
import type { Look } from './look.ts';
import { newModel } from './model.ts';
import { Refresh } from './refresh.ts';
import { Store } from './store.ts';
import { Terminal, type TerminalStreams } from './terminal.ts';

/** A daemon that has not answered by then is slow: the keys should work. */
const FIRST_MS = 1000;

export interface DashboardOptions extends TerminalStreams {
  readonly places: Places;
  readonly look: Look;
  readonly readOnly: boolean;
  readonly timezone: string;
  readonly clock: Clock;
  /** Gets what gives the terminal back, to be called however the process ends. */
  readonly onOpen: (leave: () => void) => void;
}

/** Resolves when it was quit. */
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
  readonly #canvas: Canvas;
  #stopDrawing = (): void => undefined;
  #ended = false;

  constructor(options: DashboardOptions, done: (error: unknown) => void) {
    const { clock, readOnly, places, timezone } = options;
    this.#o = options;
    this.#done = done;
    this.#terminal = new Terminal(options, clock);
    this.#store = new Store(newModel(this.#terminal.size, readOnly, timezone), clock);
    this.#canvas = new Canvas(this.#terminal.write, this.#terminal.size, clock);
    this.#link = new Link(places, clock, {
      onLink: (link) => this.#store.set({ link }),
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
    const controller = new Controller(desk, this.#o.look, {
      quit: () => this.end(null),
      suspend: () => this.#suspend(),
      redraw: () => this.#redraw(),
      copy: (text) => terminal.copy(text),
    });
    terminal.onKey(controller.press);
    this.#undo.push(
      this.#store.subscribe(this.#log.look),
      terminal.onResize(() => this.#redraw()),
      terminal.onGone(() => this.end(null)),
    );
    process.on('SIGCONT', this.#resume);
    this.#link.run().catch((error) => this.end(error));
    await this.#drawPlainly();
    const { draw } = await importDraw();
    if (this.#ended) return;
    this.#stopDrawing();
    this.#stopDrawing = draw(this.#store, this.#o.look, this.#canvas, this.end);
  }

  /**
   * Loading Ink takes longer than all the rest: until it is there, pictures are drawn without it, and it is loaded
   * only when the first one is on the screen.
   */
  async #drawPlainly(): Promise<void> {
    const { clock } = this.#store;
    const first = new AbortController();
    const show = (): void => {
      const { model, now } = this.#store.view();
      this.#canvas.show(frame(model, this.#o.look, now));
      if (model.board) first.abort();
    };
    show();
    this.#stopDrawing = this.#store.subscribe(show);
    await delay(clock, FIRST_MS, first.signal);
  }

  readonly end = (error: unknown): void => {
    if (this.#ended) return;
    this.#ended = true;
    process.off('SIGCONT', this.#resume);
    for (const undo of this.#undo) undo();
    this.#canvas.close();
    this.#stopDrawing();
    this.#log.close();
    this.#refresh.close();
    this.#store.close();
    this.#terminal.leave();
    this.#link.close().finally(() => this.#done(error));
  };

  /** All of it, in the size that the terminal has now. */
  #redraw(): void {
    const { size } = this.#terminal;
    this.#canvas.anew(size);
    this.#store.set({ size });
    this.#refresh.now();
  }

  #suspend(): void {
    this.#terminal.suspend();
    // Where nothing can suspend us, no signal comes to go on.
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

/** React and Ink read their environment once: for people, not for a build server, and without the checks. */
async function importDraw(): Promise<typeof import('./draw.tsx')> {
  const names = ['NODE_ENV', 'CI', 'CONTINUOUS_INTEGRATION', 'FORCE_COLOR'] as const;
  const before = names.map((name) => [name, process.env[name]] as const);
  for (const name of names) delete process.env[name];
  Object.assign(process.env, { NODE_ENV: 'production', FORCE_COLOR: '0' });
  try {
    return await import('./draw.tsx');
  } finally {
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  }
}
