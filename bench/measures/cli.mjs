// The command line as somebody at a terminal feels it: whole processes, and the first frame of the dashboard.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { bareNodeMs, processMs } from '../limits/processes.mjs';
import { row } from '../rows.mjs';
import { BIN, Site } from '../site.mjs';
import { inTurn, nowMs } from '../stats.mjs';

const list = (site) => processMs([BIN, '--dir', site.dir, 'list']);

/** Milliseconds until the dashboard has drawn its tabs in a terminal of 120 x 40. */
async function firstFrameMs(site) {
  const command = `stty cols 120 rows 40; exec ${process.execPath} ${BIN} --dir ${site.dir} dashboard`;
  const begin = nowMs();
  const child = spawn('script', ['-qefc', command, '/dev/null'], {
    stdio: ['pipe', 'pipe', 'ignore'],
    env: { ...process.env, TERM: 'xterm-256color' },
  });
  const over = once(child, 'exit');
  let drawn = null;
  let text = '';
  child.stdout.on('data', (chunk) => {
    text += chunk;
    if (drawn === null && /Running.*Scheduled.*Done/s.test(text)) {
      drawn = nowMs() - begin;
      child.stdin.write('q');
    }
  });
  await over;
  if (drawn === null) throw new Error(`no frame was drawn: ${text.slice(0, 500)}`);
  return drawn;
}

export async function cli({ rounds, scale }) {
  const site = new Site('cli');
  await site.start();
  await site.fill('shared', 1000);
  await site.settled(1000);
  const turns = 3 * rounds;
  const online = await inTurn(turns, { bare: bareNodeMs, list: () => list(site) });
  const frames = await inTurn(Math.max(3, turns * scale), {
    bare: bareNodeMs,
    frame: () => firstFrameMs(site),
  });
  await site.stop();
  const offline = await inTurn(turns, { bare: bareNodeMs, list: () => list(site) });
  site.remove();
  const line = (id, what, figure, limit, atMost) =>
    row({ id, what, figure, unit: 'ms', limit, limitName: 'node -e 0', target: { atMost } });
  return [
    line('list', '`jobrun list`, with a daemon', online.list, online.bare, 1.4),
    line('list-files', '`jobrun list`, without one', offline.list, offline.bare, 1.7),
    line('dashboard', 'first frame of the dashboard', frames.frame, frames.bare, 3.5),
  ];
}
