// Bare processes: how long they take to start and end.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { inFlight } from '../site.mjs';
import { nowMs } from '../stats.mjs';

/** Starts `/bin/true` again and again, so many at once: a second. */
export async function spawnTrue(count, atOnce) {
  const begin = nowMs();
  await inFlight(atOnce, Array.from({ length: count }).keys(), async () => {
    await once(spawn('/bin/true', [], { stdio: 'ignore' }), 'exit');
  });
  return (count / (nowMs() - begin)) * 1000;
}

/** Milliseconds from the start of a program to its end. */
export async function processMs(args, options = {}) {
  const begin = nowMs();
  const child = spawn(process.execPath, args, { stdio: 'ignore', ...options });
  const [code] = await once(child, 'exit');
  if (code !== 0) throw new Error(`${args.join(' ')} ended with ${code}`);
  return nowMs() - begin;
}

export const bareNodeMs = () => processMs(['-e', '0']);
