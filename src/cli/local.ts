// `jobrun run --local`: this process is the daemon for as long as its run takes, and leaves with the result of it. The
// first Ctrl-C or SIGTERM aborts the run, a second one without patience; what was accepted is settled in any case.
import { abort } from '../commands/abort.ts';
import type { Command } from '../commands/command.ts';
import { followed, handle } from '../commands/dispatch.ts';
import type { Output } from '../commands/output.ts';
import { openLocalRuns } from '../daemon/local-run.ts';
import type { Config } from '../support/config.ts';
import { refuseFewFiles } from '../support/open-files.ts';
import { refuseNoProject } from './backend.ts';

const SIGNALS = { SIGINT: 130, SIGTERM: 143 } as const;

export async function runHere(
  command: Command,
  request: unknown,
  config: Config,
  out: Output,
  verbose: boolean,
): Promise<number> {
  refuseNoProject(config);
  refuseFewFiles(1);
  const local = await openLocalRuns(config, verbose);
  const patience = new Patience();
  try {
    if (command.follows?.(request) === false)
      return (await command.show(await handle(command, request, local.tools), out, request)) ?? 0;
    let code = 0;
    const { signal } = new AbortController();
    for await (const item of followed(command, request, local.tools, signal)) {
      const { accepted } = item as { accepted?: { id: string } };
      if (accepted) {
        patience.endWith((graceMs) => {
          const asked = { ids: [accepted.id], reason: 'interrupted', ...graceMs };
          return handle(abort as Command, asked, local.tools);
        });
        local.start(Number(accepted.id));
      }
      code = (await command.showItem?.(item, out, request)) ?? code;
    }
    return patience.code ?? code;
  } finally {
    patience.over();
    await local.close();
  }
}

type End = (grace: { readonly graceMs?: number }) => Promise<unknown>;

/** What signals do to the run. One that comes before there is a run ends it as soon as there is. */
class Patience {
  code: number | null = null;
  #end: End | null = null;
  readonly #undo: (() => void)[] = [];

  constructor() {
    for (const [name, code] of Object.entries(SIGNALS)) {
      const got = (): void => this.#got(code);
      process.on(name, got);
      this.#undo.push(() => process.off(name, got));
    }
  }

  endWith(end: End): void {
    this.#end = end;
    if (this.code !== null) this.#ask({});
  }

  over(): void {
    for (const undo of this.#undo) undo();
  }

  #got(code: number): void {
    const again = this.code !== null;
    this.code ??= code;
    this.#ask(again ? { graceMs: 0 } : {});
  }

  #ask(grace: { readonly graceMs?: number }): void {
    // A run that is settled by now is what was asked for.
    this.#end?.(grace).catch(() => undefined);
  }
}
