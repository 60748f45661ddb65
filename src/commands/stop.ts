// `jobrun stop`: asks the daemon to stop, and answers when its process is gone. A process that holds the state and does
// not listen cannot be asked: it gets the signal that stops it.
import { reachDaemon } from '../api/client.ts';
import { daemonOn } from '../engine/open.ts';
import { delay, systemClock } from '../support/clock.ts';
import { SECOND, STOP_SIGNAL_MS } from '../support/limits.ts';
import { isAlive } from '../support/system.ts';
import type { Command } from './shared/command.ts';
import { flag } from './shared/options.ts';
import { noDaemon } from './shared/waiting.ts';

interface Reply {
  readonly pid: number;
}

const LOOK_EVERY_MS = 50;

const options = {
  now: flag('--now', 'end running attempts at once; their runs continue with the next daemon'),
};

export const stop: Command<typeof options, Reply> = {
  name: 'stop',
  needsDaemon: 'There is nothing to stop.',
  answerMs: 10 * SECOND,
  about: 'Stop the daemon. By default it lets running attempts end first.',
  examples: ['stop', 'stop --now'],
  options,

  async local({ now }, { config }) {
    const client = await reachDaemon(config.state);
    client?.close();
    const pid = client ? null : await daemonOn(config.state);
    if (pid === null) return null;
    process.kill(pid, 'SIGTERM');
    if (now) {
      // Sooner it would be taken for the same signal.
      await delay(systemClock, STOP_SIGNAL_MS + LOOK_EVERY_MS);
      if ((await daemonOn(config.state)) === pid) process.kill(pid, 'SIGTERM');
    }
    return { pid };
  },

  async handle({ now }, { daemon }) {
    if (!daemon) throw noDaemon('jobrun stop');
    daemon.stop(now === true);
    return { pid: daemon.pid };
  },

  async show({ pid }, out) {
    out.note`stopping the daemon (pid ${pid}) …`;
    // Its socket closes before its process is through; the start of the next one relies on the end.
    while (isAlive(pid)) await delay(systemClock, LOOK_EVERY_MS);
    if (!out.done({ stopped: true, pid }, [String(pid)])) out.line`stopped`;
    return undefined;
  },
};
