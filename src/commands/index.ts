// The commands there are. Only the one that was called is loaded: a command line that reads thirty files to do one
// thing would be felt at every call.
import type { Command } from './shared/command.ts';

export interface CommandEntry {
  readonly name: string;
  /** Other words for it, those of other programs among them. */
  readonly aliases?: readonly string[];
  readonly summary: string;
  readonly group: string;
  readonly load: () => Promise<Command>;
}

const RUNS = 'Runs:';
const JOBS = 'Jobs and schedules:';
export const PROJECT = 'The daemon and the project:';

export const COMMANDS: readonly CommandEntry[] = [
  {
    name: 'schedule',
    summary: 'Run a job later, or on a schedule',
    group: RUNS,
    load: async () => (await import('./schedule.ts')).schedule,
  },
  {
    name: 'run',
    summary: 'Run a job now, follow it, and exit with its result',
    group: RUNS,
    load: async () => (await import('./run.ts')).run,
  },
  {
    name: 'abort',
    aliases: ['kill'],
    summary: 'End runs, and wait until they have ended',
    group: RUNS,
    load: async () => (await import('./abort.ts')).abort,
  },
  {
    name: 'update',
    summary: 'Change a run that has not started',
    group: RUNS,
    load: async () => (await import('./update.ts')).update,
  },
  {
    name: 'retry',
    summary: 'Retry failed or aborted runs',
    group: RUNS,
    load: async () => (await import('./retry.ts')).retry,
  },
  {
    name: 'rerun',
    summary: 'Start a new run with the same params',
    group: RUNS,
    load: async () => (await import('./rerun.ts')).rerun,
  },
  {
    name: 'complete',
    summary: 'Mark a run that waits for a result as done',
    group: RUNS,
    load: async () => (await import('./complete.ts')).complete,
  },
  {
    name: 'fail',
    summary: 'Mark a run that waits for a result as failed',
    group: RUNS,
    load: async () => (await import('./fail.ts')).fail,
  },
  {
    name: 'list',
    aliases: ['ls', 'ps'],
    summary: 'List runs, newest first',
    group: RUNS,
    load: async () => (await import('./list.ts')).list,
  },
  {
    name: 'show',
    summary: 'Show one run in full',
    group: RUNS,
    load: async () => (await import('./show.ts')).show,
  },
  {
    name: 'logs',
    summary: "Print a run's log",
    group: RUNS,
    load: async () => (await import('./logs.ts')).logs,
  },
  {
    name: 'wait',
    summary: 'Wait until runs have settled',
    group: RUNS,
    load: async () => (await import('./wait.ts')).wait,
  },
  {
    name: 'remove',
    aliases: ['rm'],
    summary: 'Remove settled runs',
    group: RUNS,
    load: async () => (await import('./remove.ts')).remove,
  },
  {
    name: 'prune',
    summary: 'Remove settled runs by age, number or state',
    group: RUNS,
    load: async () => (await import('./prune.ts')).prune,
  },
  {
    name: 'events',
    summary: 'Print every change as a JSON line',
    group: RUNS,
    load: async () => (await import('./events.ts')).events,
  },
  {
    name: 'types',
    summary: 'Write jobs.d.ts: names and params for TypeScript',
    group: JOBS,
    load: async () => (await import('./write-types.ts')).writeTypes,
  },
  {
    name: 'jobs',
    summary: 'List the jobs',
    group: JOBS,
    load: async () => (await import('./jobs.ts')).jobs,
  },
  {
    name: 'new',
    summary: 'Write a job file from a template',
    group: JOBS,
    load: async () => (await import('./new.ts')).newJob,
  },
  {
    name: 'schedules',
    summary: 'List schedules and their next times',
    group: JOBS,
    load: async () => (await import('./schedules.ts')).schedules,
  },
  {
    name: 'unschedule',
    summary: 'Remove a schedule',
    group: JOBS,
    load: async () => (await import('./unschedule.ts')).unschedule,
  },
  {
    name: 'next',
    summary: 'Show the next times of a cron expression or schedule',
    group: JOBS,
    load: async () => (await import('./next.ts')).next,
  },
  {
    name: 'pause',
    summary: 'Start no new runs until resume',
    group: JOBS,
    load: async () => (await import('./pause.ts')).pause,
  },
  {
    name: 'resume',
    summary: 'Resume after a pause',
    group: JOBS,
    load: async () => (await import('./resume.ts')).resume,
  },
  {
    name: 'init',
    summary: 'Create jobs/ with two examples, and a config',
    group: PROJECT,
    load: async () => (await import('./init.ts')).init,
  },
  {
    name: 'status',
    summary: 'Show whether a daemon runs, and its workers and runs',
    group: PROJECT,
    load: async () => (await import('./status.ts')).status,
  },
  {
    name: 'reload',
    summary: 'Read all job files again, and list what changed',
    group: PROJECT,
    load: async () => (await import('./reload.ts')).reload,
  },
  {
    name: 'export',
    summary: 'Write the whole state as a stream of JSON lines',
    group: PROJECT,
    load: async () => (await import('./export.ts')).exportAll,
  },
  {
    name: 'import',
    summary: 'Read such a stream into an empty state',
    group: PROJECT,
    load: async () => (await import('./import.ts')).importAll,
  },
  {
    name: 'stop',
    summary: 'Stop the daemon',
    group: PROJECT,
    load: async () => (await import('./stop.ts')).stop,
  },
];

/** Requests of programs; they are not typed. */
const REQUESTS: readonly CommandEntry[] = [
  {
    name: 'changes',
    summary: 'Tells how many changes there have been, and of each further one',
    group: PROJECT,
    load: async () => (await import('./changes.ts')).changes,
  },
  {
    name: 'log',
    summary:
      'The log of a run behind the lines that are known, waited for where there is nothing new',
    group: RUNS,
    load: async () => (await import('./log.ts')).log,
  },
  {
    name: 'when',
    summary: 'The instant that a typed time means',
    group: JOBS,
    load: async () => (await import('./when.ts')).when,
  },
  {
    name: 'results',
    summary: 'The result table of a run, or its end',
    group: RUNS,
    load: async () => (await import('./results.ts')).results,
  },
  {
    name: 'take',
    summary: 'Runs of external jobs, for a worker outside',
    group: RUNS,
    load: async () => (await import('./take.ts')).take,
  },
  {
    name: 'lease',
    summary: 'A message of a worker outside',
    group: RUNS,
    load: async () => (await import('./lease.ts')).leaseMessage,
  },
  {
    name: 'lease-done',
    summary: 'The result of a worker outside',
    group: RUNS,
    load: async () => (await import('./lease-ends.ts')).leaseDone,
  },
  {
    name: 'lease-failed',
    summary: 'The failure of a worker outside',
    group: RUNS,
    load: async () => (await import('./lease-ends.ts')).leaseFailed,
  },
  {
    name: 'lease-callback',
    summary: 'A worker outside is to be asked again later',
    group: RUNS,
    load: async () => (await import('./lease-ends.ts')).leaseCallback,
  },
  {
    name: 'lease-pending',
    summary: 'The result of a worker outside comes from elsewhere',
    group: RUNS,
    load: async () => (await import('./lease-ends.ts')).leasePending,
  },
  {
    name: 'task',
    summary: 'A run by its attempts, for protocols of other systems',
    group: RUNS,
    load: async () => (await import('./task.ts')).task,
  },
  {
    name: 'task-settle',
    summary: 'The result of a run that comes from outside',
    group: RUNS,
    load: async () => (await import('./task.ts')).taskSettle,
  },
  {
    name: 'trust-clock',
    summary: 'Takes the clock as right, for the doctor',
    group: PROJECT,
    load: async () => (await import('./trust-clock.ts')).trustClock,
  },
];

/** All that a daemon can be asked for. */
export const ENTRIES: readonly CommandEntry[] = [...COMMANDS, ...REQUESTS];

export const findCommand = (name: string): CommandEntry | undefined =>
  ENTRIES.find((entry) => entry.name === name);
