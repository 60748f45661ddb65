// Processes that a daemon started which is gone: they carry its worker's mark in their environment, and nobody of
// jobrun stands above them any more. The next daemon ends them before it takes their runs back; doctor says so before.
import type { Finding } from '../engine/open.ts';
import { count } from '../support/text.ts';
import type { Doomed } from '../workers/death.ts';
import {
  allProcesses,
  bootId,
  hasProc,
  MARK_VARIABLE,
  type ProcessInfo,
  textOrNull,
} from '../workers/processes.ts';
import { type Check, checkOf } from './checkup.ts';

export function findOrphans(state: string): readonly Doomed[] {
  if (!hasProc()) return [];
  const all = new Map(allProcesses().map((info) => [info.pid, info]));
  const marked = [...all.values()].flatMap((info) => {
    if (!info.alive || info.pid === process.pid) return [];
    const { [MARK_VARIABLE]: mark, JOBRUN_STATE: of } = environmentOf(info.pid);
    return mark === undefined || of !== state ? [] : [{ mark, info }];
  });
  // What a job has sent away from its own process has no parent to tell, and the mark of one that has.
  const kept = new Set(marked.flatMap(({ mark, info }) => (isCaredFor(info, all) ? [mark] : [])));
  return marked
    .filter(({ mark }) => !kept.has(mark))
    .map(({ mark, info: { pid, startTime } }) => ({ mark, pid, startTime, boot: bootId() }));
}

export function checkOrphans(orphans: readonly Doomed[]): Check {
  const findings = orphans.map(({ pid }): Finding => {
    const message = `process ${pid} was started by a daemon that is gone, and lives`;
    const hint = 'The next daemon ends it before its run goes on; at once: jobrun doctor --repair';
    return { level: 'problem', file: '', message, hint };
  });
  const summary = orphans.length === 0 ? 'no orphans' : count(orphans.length, 'orphan');
  return checkOf('processes', summary, findings);
}

/** Somebody above it is a jobrun that carries no mark itself: its daemon, or the command that asked it. */
function isCaredFor(info: ProcessInfo, all: ReadonlyMap<number, ProcessInfo>): boolean {
  for (let above = all.get(info.parent); above; above = all.get(above.parent)) {
    const marked = environmentOf(above.pid)[MARK_VARIABLE] !== undefined;
    if (!marked && textOf(above.pid, 'cmdline').includes('jobrun')) return true;
  }
  return false;
}

function environmentOf(pid: number): Readonly<Record<string, string>> {
  const entries = textOf(pid, 'environ').split('\0');
  return Object.fromEntries(
    entries.map((entry) => {
      const at = entry.indexOf('=');
      return [entry.slice(0, at), entry.slice(at + 1)];
    }),
  );
}

const textOf = (pid: number, what: 'environ' | 'cmdline'): string =>
  textOrNull(`/proc/${pid}/${what}`) ?? '';
