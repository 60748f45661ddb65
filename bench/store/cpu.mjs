// Processor time of processes that a bench has started, as the kernel counts it: in steps of ten milliseconds.
import { readFileSync } from 'node:fs';

const TICK_MS = 10;

/** Of the process, of those that it has ended, and of those below it, in milliseconds. */
export function cpuMs(pid) {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
  const below = children.split(' ').filter(Boolean).map(ownMs);
  return [ownMs(pid), ...below].reduce((sum, ms) => sum + ms, 0);
}

function ownMs(pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  // Own time in user and system mode, and that of children which have ended.
  return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks) * TICK_MS, 0);
}
