// `jobrun dashboard`, and `jobrun` alone in a terminal: the lists, live. Without a terminal it prints the list once.
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { reachDaemon } from '../api/client.ts';
import { commandOf, handle } from '../commands/dispatch.ts';
import { COMMANDS } from '../commands/index.ts';
import { list } from '../commands/list.ts';
import type { Command } from '../commands/shared/command.ts';
import { flag, type Sent } from '../commands/shared/options.ts';
import { colorChoice } from '../commands/shared/output.ts';
import type { Listed } from '../commands/shared/run-list.ts';
import type { Files, Places } from '../dashboard/link.ts';
import { systemClock } from '../support/clock.ts';
import type { Config } from '../support/config.ts';
import { errorLine, exitCodeOf, type JobrunError } from '../support/errors.ts';
import { newId } from '../support/random.ts';
import { openBackend, refuseNoProject } from './backend.ts';
import { asTyped } from './called-by.ts';
import { openStoreClient } from './store-client.ts';

type Reply =
  | { readonly listed: Listed; readonly damage: readonly JobrunError[] }
  | { readonly closed: true };

const options = {
  readOnly: flag('--read-only', 'show, but change nothing'),
  ascii: flag('--ascii', 'draw with plain characters'),
};

export const dashboard: Command<typeof options, Reply> = {
  name: 'dashboard',
  about: 'Watch and control runs and jobs in the terminal. Press ? there for the keys.',
  examples: ['dashboard', 'top --read-only', 'dashboard --ascii'],
  options,

  async local(request, { config, general }) {
    const isTerminal = process.stdin.isTTY && process.stdout.isTTY && process.env.TERM !== 'dumb';
    if (!isTerminal || general.json === true) return await listOnce(config);
    refuseNoProject(config);
    await open(request, general.color, config);
    return { closed: true };
  },

  async show(reply, out, _request) {
    if ('closed' in reply) return undefined;
    const code = await list.show(reply.listed, out, {});
    out.note`the dashboard needs a terminal: this is the list`;
    const [damage] = reply.damage;
    if (damage) out.error(damage);
    return damage ? exitCodeOf(damage.code) : code;
  },
};

const WORDS = [...COMMANDS.map(({ name }) => name), 'daemon', 'doctor'];

async function listOnce(config: Config): Promise<Reply> {
  const backend = await openBackend(config, list, {});
  try {
    const listed = (await backend.call(list, {}, newId())) as Listed;
    return { listed, damage: backend.damage };
  } finally {
    await backend.close();
  }
}

async function open(
  { readOnly = false, ascii = false }: Sent<typeof options>,
  when: unknown,
  config: Config,
): Promise<void> {
  const { openDashboard } = await import('../dashboard/dashboard.ts');
  const { themeFor } = await import('../dashboard/theme.ts');
  await openDashboard({
    stdin: process.stdin,
    stdout: process.stdout,
    places: placesOf(config),
    theme: themeFor(process.env, { ascii, color: colorChoice(when) }),
    readOnly,
    timezone: config.timezone,
    asTyped: (text) => asTyped(text, process.env, WORDS),
    clock: systemClock,
    onOpen: giveBack,
  });
}

/** However the process ends, the terminal is as it was; what went wrong is then told on it. */
function giveBack(leave: () => void): void {
  process.on('exit', leave);
  const codes = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;
  for (const [name, code] of Object.entries(codes)) process.once(name, () => process.exit(code));
  process.once('uncaughtException', (error) => {
    leave();
    process.stderr.write(`error: the dashboard has crashed: ${error.stack}\n`);
    process.exit(1);
  });
}

function placesOf(config: Config): Places {
  const { state } = config;
  if (config.store)
    return {
      connect: async () => (await reachDaemon(state)) ?? (await openStoreClient(config)),
      files: null,
    };
  const files = {
    open: () => readFiles(config),
    stamp: () => ['manifest.json', 'journal'].map((name) => stampOf(join(state, name))).join(),
  };
  return { connect: () => reachDaemon(state), files };
}

function stampOf(path: string): string {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat ? `${stat.ino} ${stat.mtimeMs} ${stat.size}` : '';
}

/** Reads and lets go at once: a daemon that starts now does not have to wait for a reader. */
async function readFiles(config: Config): Promise<Files> {
  const { openOffline } = await import('../daemon/offline.ts');
  const context = await openOffline(config, { readOnly: true });
  const aliveAt = await context.members.lastBeat();
  await context.release();
  const [damage] = context.damage;
  return {
    damage: damage ? errorLine(damage) : null,
    aliveAt,
    call: async (name, args) => handle(await commandOf(name), args, context),
    // Its jobs, if they were read; the state was let go of already.
    close: () => context.closeJobs(),
  };
}
