// `jobrun web`: the address of the page, with the key behind `#`, where no server and no log gets to see it. A browser
// is opened through a file that only its user can read: the arguments of a program can be read by everybody on the
// machine.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { askDaemon } from '../api/client.ts';
import type { Command } from '../commands/shared/command.ts';
import { flag } from '../commands/shared/options.ts';
import type { Status } from '../commands/shared/replies.ts';
import { noDaemon } from '../commands/shared/waiting.ts';
import { prepareState } from '../engine/open.ts';
import { keyOf, makeKeys } from '../http/keys.ts';
import type { Config } from '../support/config.ts';
import { JobrunError } from '../support/errors.ts';
import { realDisk, replaceFile } from '../support/files.ts';
import { STATUS_ANSWER_MS } from '../support/limits.ts';
import { programIn } from '../support/read-file.ts';
import { refuseNoProject } from './backend.ts';

interface Reply {
  /** Null where there are new keys and no daemon to use them with. */
  readonly url: string | null;
  readonly newKeys: boolean;
  readonly opened: boolean;
}

const START = 'Start one with HTTP: jobrun daemon --http 127.0.0.1:9464';

const options = {
  print: flag('--print', 'print the address, and open nothing'),
  readOnly: flag('--read-only', 'use the key that allows reading only'),
  newKey: flag('--new-key', 'replace both keys; the old ones are refused at once'),
};

export const web: Command<typeof options, Reply> = {
  name: 'web',
  about: 'Print the address of the web page, with its key, and open it in a browser.',
  examples: ['web', 'web --print --read-only', 'web --new-key'],
  options,

  async local({ print = false, readOnly = false, newKey = false }, { config }) {
    refuseNoProject(config);
    if (newKey) {
      prepareState(config.state);
      await makeKeys(config.state, true);
    }
    const address = await addressOf(config, newKey);
    if (address === null) return { url: null, newKeys: newKey, opened: false };
    const key = await keyOf(config.state, readOnly ? 'read' : 'all');
    if (key === null) throw noKey();
    const url = `${address}/#key=${key}`;
    return { url, newKeys: newKey, opened: !print && (await open(url, config.state)) };
  },

  show(reply, out) {
    const { url, newKeys } = reply;
    if (out.done(reply, url === null ? [] : [url])) return undefined;
    if (url !== null) out.line`${url}`;
    if (newKeys) out.note`both keys are new: pages that are open need the new address`;
    if (url === null) out.note`no daemon serves HTTP here. ${START}`;
    return undefined;
  },
};

/** The address that the daemon serves on; null where it need not be there. */
async function addressOf({ state }: Config, isOptional: boolean): Promise<string | null> {
  const status = (await askDaemon(state, 'status', {}, STATUS_ANSWER_MS)) as Status | null;
  const served = status?.http ?? null;
  if (served === null && isOptional) return null;
  if (status === null) throw noDaemon('the web page', START);
  if (served !== null) return served.replace(/\/\/(?:0\.0\.0\.0|\[::\]):/, '//127.0.0.1:');
  const hint = 'Restart it with HTTP: jobrun stop, then jobrun daemon --http 127.0.0.1:9464';
  throw new JobrunError('refused', 'the daemon does not serve HTTP', hint);
}

function noKey(): JobrunError {
  return new JobrunError('refused', 'the key is missing', 'Make new ones: jobrun web --new-key');
}

/** False where there is no browser, or no screen to show it on. */
async function open(url: string, state: string): Promise<boolean> {
  const { PATH = '', DISPLAY, WAYLAND_DISPLAY } = process.env;
  const isMac = process.platform === 'darwin';
  const opener = programIn(PATH, isMac ? 'open' : 'xdg-open');
  if (opener === null || !(isMac || DISPLAY || WAYLAND_DISPLAY)) return false;
  const file = join(state, 'http-open.html');
  const page = `<!doctype html><meta charset="utf-8"><meta http-equiv="refresh" content="0; url=${url}"><title>jobrun</title>\n`;
  await replaceFile(realDisk, file, page);
  const child = spawn(opener, [file], { detached: true, stdio: 'ignore' });
  child.on('error', () => undefined);
  child.unref();
  return true;
}
