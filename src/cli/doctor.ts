// `jobrun doctor`: is everything sound, and if not, what is wrong, where, and what to do. With --repair it sets the
// originals aside and goes on with all that is provable.
import { socketPaths } from '../api/address.ts';
import { askDaemon } from '../api/client.ts';
import { handle } from '../commands/dispatch.ts';
import type { Command } from '../commands/shared/command.ts';
import { flag } from '../commands/shared/options.ts';
import { type Output, paint } from '../commands/shared/output.ts';
import type { Status } from '../commands/shared/replies.ts';
import { type TrustedClock, trustClock } from '../commands/trust-clock.ts';
import {
  type Check,
  checkClock,
  checkConfig,
  checkFiles,
  checkLock,
  checkMemory,
  checkOf,
  checkOrphans,
  checkPermissions,
  checkSpace,
  findOrphans,
} from '../daemon/checkup.ts';
import { missingFolder } from '../daemon/follow-files.ts';
import { bootOf } from '../daemon/history-clock.ts';
import { warningsOfJobs } from '../daemon/job-checkup.ts';
import { readJobs } from '../daemon/jobs.ts';
import { checkStore, clockWasSet } from '../daemon/store-checkup.ts';
import {
  daemonOn,
  type Finding,
  holderOf,
  inspectEngine,
  inspectStore,
  type Repaired,
  repairEngine,
  repairStore,
} from '../engine/open.ts';
import { systemClock } from '../support/clock.ts';
import type { Config } from '../support/config.ts';
import { showDuration } from '../support/durations.ts';
import { JobrunError, toJobrunError } from '../support/errors.ts';
import { SECOND, STATUS_ANSWER_MS } from '../support/limits.ts';
import type { StorePlace } from '../support/store-place.ts';
import { count } from '../support/text.ts';
import { endGroup, type WorkerIdentity } from '../workers/death.ts';
import { refuseNoProject } from './backend.ts';

interface Reply {
  readonly sound: boolean;
  readonly state: string;
  readonly checks: readonly Check[];
  readonly repaired: Repaired | null;
  /** The schedules and history that the repair released to the present clock; null if nothing waited for it. */
  readonly clock: TrustedClock | null;
}

const NOT_SOUND = 8;

const options = {
  repair: flag(
    '--repair',
    'set damaged originals aside, go on with all that is provable, and take the clock as right',
  ),
};

export const doctor: Command<typeof options, Reply> = {
  name: 'doctor',
  about:
    'Check the files of the state or the store, the lock, the clock, the disk, left-over processes and the jobs. Prints each fault with the next step. Exits with 0 if the state is sound, else with 8. Changes nothing without --repair.',
  examples: [
    'doctor',
    'doctor --json | jq \'.checks[] | select(.status != "ok")\'',
    'doctor --repair',
  ],
  options,

  async local({ repair }, { config }) {
    refuseNoProject(config);
    const repaired = repair ? await repairAll(config) : null;
    const clock = repair ? await takeClock(config) : null;
    const checks = await checkAll(config);
    const sound = checks.every(({ status }) => status !== 'problem');
    const state = config.store?.shown ?? config.state;
    return { sound, state, checks, repaired, clock };
  },

  show(reply, out) {
    const { sound, checks, repaired, clock } = reply;
    if (!out.done(reply, [])) {
      if (repaired) showRepaired(repaired, out);
      if (clock) showClock(clock, out);
      for (const check of checks) showCheck(check, out);
      if (sound) out.line`${paint('green', 'sound')}`;
      else out.line`${paint('red', 'not sound')}`;
    }
    return sound ? undefined : NOT_SOUND;
  },
};

async function checkAll(config: Config): Promise<readonly Check[]> {
  if (config.store)
    return [
      ...(await checkStore(config, config.store, systemClock)),
      await checkPermissions(config),
      await checkLock(config),
      checkOrphans(await orphansOf(config)),
      checkConfig(config),
      await checkJobs(config),
    ];
  const found = await inspectEngine(config, systemClock);
  return [
    checkFiles(found),
    await checkPermissions(config),
    await checkLock(config),
    checkClock(found, systemClock.now(), bootOf(systemClock)),
    checkMemory(found),
    await checkSpace(config),
    checkOrphans(await orphansOf(config)),
    checkConfig(config),
    await checkJobs(config),
  ];
}

/** Broken jobs keep their queue: worth knowing, and no damage. */
async function checkJobs(config: Config): Promise<Check> {
  const status = await daemonStatus(config);
  if (status instanceof JobrunError)
    return checkOf('jobs', 'none known', [await notAnswered(config, status)]);
  const unheard = status === null ? await notListening(config) : null;
  if (unheard) return checkOf('jobs', 'none known', [unheard]);
  const broken = status?.broken ?? (await readBroken(config));
  if (broken === null) {
    const message = 'no job is read with settings that are wrong for all of them';
    const hint = 'Fix what is said of the config.';
    return checkOf('jobs', 'none loads', [{ level: 'problem', file: config.jobs, message, hint }]);
  }
  const findings = broken.map((name): Finding => {
    const hint = `See why: jobrun jobs ${name}`;
    return { level: 'warning', file: config.jobs, message: `the job ${name} is broken`, hint };
  });
  const { problem = null, hint = null } = status?.watch ?? {};
  const missing = missingFolder(config);
  if (missing) findings.push({ level: 'warning', file: config.jobs, ...missing });
  if (problem !== null)
    findings.push({ level: 'warning', file: config.jobs, message: problem, hint: hint ?? '' });
  findings.push(...(await warningsOfJobs(config)));
  const summary = broken.length === 0 ? 'none broken' : count(broken.length, 'broken job');
  return checkOf('jobs', summary, findings);
}

/** A daemon that hangs has the lock all the same. */
async function notAnswered({ state }: Config, error: JobrunError): Promise<Finding> {
  const level = 'problem';
  if ((await holderOf(state)) !== null) {
    const message = `the daemon does not answer: ${error.message}`;
    return { level, file: '', message, hint: error.hint };
  }
  const file = socketPaths(state)[0] ?? '';
  const message = `another program listens at ${file}, the socket of the daemon`;
  return { level, file, message, hint: 'End it, or start the daemon: it takes the socket back.' };
}

/** Returns a daemon that no client can reach; null if none runs. */
async function notListening({ state }: Config): Promise<Finding | null> {
  const pid = await daemonOn(state);
  if (pid === null) return null;
  const file = socketPaths(state)[0] ?? '';
  const message = `a daemon (pid ${pid}) runs, and nobody listens at ${file}`;
  const hint = 'It looks each second, and listens there again. Where that fails: jobrun stop';
  return { level: 'problem', file, message, hint };
}

/** Null where no daemon runs. */
async function daemonStatus({ state }: Config): Promise<Status | JobrunError | null> {
  try {
    return (await askDaemon(state, 'status', {}, STATUS_ANSWER_MS)) as Status | null;
  } catch (error) {
    // Any error is a finding: the rest of the state is to be looked at all the same.
    return toJobrunError(error);
  }
}

/** Null where the settings of all jobs are wrong: no job can be read, and the state is to be looked at all the same. */
async function readBroken(config: Config): Promise<readonly string[] | null> {
  try {
    const jobs = await readJobs(config, systemClock);
    return jobs.flatMap((job) => (job.state === 'broken' ? [job.name] : []));
  } catch (error) {
    if (error instanceof JobrunError && error.code === 'bad-config') return null;
    throw error;
  }
}

/** Not beside a daemon: it has ended those of the one before, and what lives is its own. */
const orphansOf = async ({ state }: Config): Promise<readonly WorkerIdentity[]> =>
  (await holderOf(state))?.kind === 'daemon' ? [] : findOrphans(state);

async function repairAll(config: Config): Promise<Repaired | null> {
  const repaired = config.store
    ? await repairCounts(config, config.store)
    : await repairFiles(config);
  for (const orphan of await orphansOf(config))
    await endGroup(orphan, { clock: systemClock, force: true });
  return repaired;
}

/** A sound state is left as it is. */
async function repairFiles(config: Config): Promise<Repaired | null> {
  const found = await inspectEngine(config, systemClock);
  if (found.foreign) throw found.foreign;
  const needed = found.findings.some(({ level }) => level === 'problem');
  return needed ? await repairEngine(config, systemClock) : null;
}

async function repairCounts(config: Config, place: StorePlace): Promise<Repaired | null> {
  const wrong = await repairStore(config, place, systemClock);
  if (wrong.length === 0) return null;
  const notes = wrong.map(
    ({ job, state, counted, rows }) =>
      `the count of ${state} runs of ${job}: ${rows}, not ${counted}`,
  );
  return { notes, aside: [], edited: [], lost: [], doubted: [], lostFrom: null };
}

/** If the clock was set, a person who repairs says that it is right now. */
async function takeClock(config: Config): Promise<TrustedClock | null> {
  if (!(await wasClockSet(config))) return null;
  const { name } = trustClock;
  const told = await askDaemon(config.state, name, {}, 30 * SECOND);
  if (told !== null) return told as TrustedClock;
  const { openOffline } = await import('../daemon/offline.ts');
  const context = await openOffline(config);
  try {
    return (await handle(trustClock, {}, context)) as TrustedClock;
  } finally {
    await context.close();
  }
}

async function wasClockSet(config: Config): Promise<boolean> {
  if (config.store) {
    const { content } = await inspectStore(config, config.store, systemClock);
    return content !== null && clockWasSet(content.times).length > 0;
  }
  const { known, clockMark } = await inspectEngine(config, systemClock);
  return (
    known !== null &&
    checkClock({ known, clockMark }, systemClock.now(), bootOf(systemClock)).status !== 'ok'
  );
}

function showClock({ schedules, keptMs }: TrustedClock, out: Output): void {
  out.line`the clock is taken as right`;
  if (schedules.length > 0) out.line`  from now on again: ${schedules.join(', ')}`;
  if (keptMs > 0) out.line`  history that was kept for ${showDuration(keptMs)} longer is removed`;
}

function showCheck({ name, status, summary, findings }: Check, out: Output): void {
  const style = status === 'ok' ? 'green' : status === 'warning' ? 'yellow' : 'red';
  out.line`${paint(style, status.padEnd(8))} ${name.padEnd(12)} ${summary}`;
  for (const { message, hint } of findings) {
    out.line`           ${message}`;
    out.line`             ${hint}`;
  }
}

function showRepaired(repaired: Repaired, out: Output): void {
  out.line`repaired${repaired.aside.length > 0 ? ': the originals are kept' : ''}`;
  for (const file of repaired.aside) out.line`  ${file}`;
  for (const file of repaired.edited)
    out.line`  changed by hand or by rot, taken as it is: ${file}`;
  for (const note of repaired.notes) out.line`  ${note}`;
  for (const { ids, more, why } of repaired.lost) {
    const others = more > 0 ? ` and ${more} more` : '';
    out.line`  lost: ${ids.length > 0 ? `run ${ids.join(', ')}` : 'runs'}${others}: ${why}`;
  }
  const { doubted, lostFrom } = repaired;
  if (lostFrom !== null)
    out.line`  the newest commits are missing: runs accepted in them, from number ${lostFrom} on, are lost`;
  if (doubted.length > 0) {
    out.line`  not provable, settled as failed: run ${doubted.join(', ')}`;
    out.line`    their newest state is missing: they may have ended; look, then jobrun retry <id…>`;
  }
}
