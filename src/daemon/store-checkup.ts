// The checks of doctor if runs are kept in a store: the store itself, and the daemons that share it. Checks of this
// machine alone are in checkup.ts.

import type { Finding } from '../engine/open.ts';
import {
  inspectStore,
  type StoreContent,
  type StoreInspection,
  type StoreMember,
  type StoreTimes,
} from '../engine/open.ts';
import { isSilent } from '../run/lease.ts';
import type { Clock } from '../support/clock.ts';
import type { Config } from '../support/config.ts';
import { showDuration } from '../support/durations.ts';
import { JobrunError } from '../support/errors.ts';
import { SECOND } from '../support/limits.ts';
import type { StorePlace } from '../support/store-place.ts';
import { count, showMegabytes } from '../support/text.ts';
import { type Check, checkClock, checkOf } from './checkup.ts';

const RESTORE = 'Nothing is guessed here. Restore the database from its backup.';

/** All checks of the store; only the first one where it cannot be used. */
export async function checkStore(
  config: Config,
  place: StorePlace,
  clock: Clock,
): Promise<readonly Check[]> {
  let found: StoreInspection;
  try {
    found = await inspectStore(config, place, clock);
  } catch (error) {
    if (!(error instanceof JobrunError) || error.code === 'bad-config') throw error;
    const { message, hint } = error;
    return [checkOf('store', 'cannot be used', [finding('problem', message, hint)])];
  }
  const checks = [
    checkServer(found),
    checkDurable(found),
    checkRights(found),
    checkStoreClock(found),
  ];
  const { content } = found;
  if (!content) return checks;
  return [
    ...checks,
    checkMembers(content),
    checkLeases(content),
    checkCounts(content),
    checkOf('size', `${showMegabytes(content.bytes)}, ${count(content.runs, 'run')}`, []),
    checkAwaited(content),
  ];
}

function finding(level: Finding['level'], message: string, hint: string): Finding {
  return { level, file: '', message, hint };
}

function checkServer(found: StoreInspection): Check {
  const { reachedMs, version, schema, format, isOlder, damage } = found;
  const earlier = isOlder ? ', of an earlier version: the next command changes the tables' : '';
  const tables =
    format === null ? 'no tables yet: the first command makes them' : `format ${format}${earlier}`;
  const summary = `reached in ${Math.round(reachedMs)} ms, PostgreSQL ${version}, primary, schema ${schema}, ${tables}`;
  const findings = damage.map((one) => finding('problem', one, RESTORE));
  return checkOf('store', summary, findings);
}

function checkDurable({ fsync, synchronousCommit, unsafe }: StoreInspection): Check {
  const summary = `fsync ${fsync}, synchronous_commit ${synchronousCommit}`;
  const findings = unsafe ? [finding('problem', unsafe.message, unsafe.hint)] : [];
  return checkOf('durability', summary, findings);
}

function checkRights({ user, lacking, format }: StoreInspection): Check {
  const summary = lacking.length === 0 ? `${user} has all it needs` : `${user} lacks some`;
  const hint = 'Give them with GRANT, as docs/cluster.md shows.';
  const findings = lacking.map((one) => finding('problem', `the role ${user} lacks ${one}`, hint));
  return checkOf('rights', format === null && lacking.length === 0 ? user : summary, findings);
}

/**
 * The store's clock decides: one that is wrong here only misleads who reads it. If the store's own clock was set, the
 * same waits for it as on files.
 */
function checkStoreClock({ aheadMs, content }: StoreInspection): Check {
  const apart = Math.abs(aheadMs);
  const way = aheadMs < 0 ? 'behind' : 'ahead of';
  const summary =
    apart < 1 ? 'as the one of the store' : `${Math.round(apart)} ms ${way} the one of the store`;
  const message = `the clock of this machine is ${showDuration(apart)} ${way} the one of the store`;
  const hint = 'Runs are not affected: the clock of the store decides. Set this one, as with NTP.';
  const own = apart > SECOND ? [finding('warning', message, hint)] : [];
  return checkOf('clock', summary, [...own, ...(content ? clockWasSet(content.times) : [])]);
}

/** The faults of the store's clock, which a person has to confirm or set. */
export const clockWasSet = ({ now, clockMark, ...known }: StoreTimes): readonly Finding[] =>
  checkClock({ known, clockMark }, now).findings;

const silent = ({ silentMs, leaseMs }: StoreMember): boolean => isSilent(silentMs, leaseMs);

function checkMembers({ members }: StoreContent): Check {
  const alive = members.filter((one) => !silent(one));
  const findings: Finding[] = [];
  const warn = (message: string, hint: string): void => {
    findings.push(finding('warning', message, hint));
  };
  for (const { id, host, pid, silentMs, leaseMs, holds } of members.filter(silent)) {
    const held = holds > 0 ? `, and holds ${count(holds, 'run')}` : '';
    warn(
      `${host} (member ${id}, pid ${pid}) has been silent for ${showDuration(silentMs)}${held}`,
      `Another daemon takes over when its lease of ${showDuration(leaseMs)} is over.`,
    );
  }
  for (const host of new Set(alive.map((one) => one.host))) {
    const all = alive.filter((one) => one.host === host);
    if (all.length > 1)
      warn(
        `${all.length} members have the host name ${host}: ${all.map(({ id }) => id).join(', ')}`,
        'Only the numbers tell them apart. Give each its own: host in the config, or JOBRUN_HOST.',
      );
  }
  const versions = new Set(alive.map(({ version }) => version));
  if (versions.size > 1)
    warn(
      `the members have different versions: ${[...versions].sort().join(', ')}`,
      'Update all of them.',
    );
  const named = alive.map(
    ({ id, host, version, leaseMs }) =>
      `${host} (member ${id}, ${version}, lease ${showDuration(leaseMs)})`,
  );
  const summary = `${alive.length} alive, ${members.length - alive.length} silent`;
  return checkOf('members', [summary, ...named].join('; '), findings);
}

function checkLeases({ members, running, heldByNobody }: StoreContent): Check {
  const { named, total } = heldByNobody;
  const summary = `${count(running, 'running run')}, ${total} held by nobody`;
  if (total === 0) return checkOf('leases', summary, []);
  const message = `${named}: running, and held by nobody`;
  const hint = members.some((one) => !silent(one))
    ? 'A daemon takes it back within a fifth of its lease.'
    : 'No daemon is alive. Start one, and it takes the run back: jobrun daemon';
  return checkOf('leases', summary, [finding('warning', message, hint)]);
}

function checkCounts({ counts, runs }: StoreContent): Check {
  const findings = counts.map(({ job, state, counted, rows }) =>
    finding(
      'problem',
      `${job}: ${counted} ${state} are counted, and there are ${rows}`,
      'Set the counts right: jobrun doctor --repair',
    ),
  );
  const summary =
    findings.length === 0 ? `those of ${count(runs, 'row')}` : 'not those of the rows';
  return checkOf('counts', summary, findings);
}

/** Without any daemon nothing starts, whichever job it is. */
function checkAwaited({ awaited, members }: StoreContent): Check {
  const alive = members.filter((one) => !silent(one));
  const had = new Set(alive.flatMap(({ jobs }) => jobs));
  const missing = [...awaited].filter(([job]) => !had.has(job));
  if (alive.length === 0) return checkOf('awaited', 'no daemon is alive to ask', []);
  const findings = missing.map(([job, { runs, schedules }]) => {
    const what = [
      ...(runs > 0 ? [count(runs, 'run')] : []),
      ...(schedules > 0 ? [count(schedules, 'schedule')] : []),
    ];
    const message = `no live member has the job ${job}, and it has ${what.join(' and ')}`;
    const hint = `Put its file into the jobs folder of a host, or end them: jobrun list --job ${job}`;
    return finding('warning', message, hint);
  });
  const summary =
    missing.length === 0
      ? 'each job with work has a member'
      : `${count(missing.length, 'job')} without a member`;
  return checkOf('awaited', summary, findings);
}
