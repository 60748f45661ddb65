// All commands there are: those of commands/, and the few that live above them because they are the daemon, the
// dashboard, or speak of the program itself.
import { COMMANDS, type CommandEntry, PROJECT } from '../commands/index.ts';

export type { CommandEntry };

export const DASHBOARD = 'dashboard';

const OWN: readonly CommandEntry[] = [
  {
    name: 'daemon',
    summary: 'Run the daemon in the foreground',
    group: PROJECT,
    load: async () => (await import('./daemon.ts')).daemon,
  },
  {
    name: DASHBOARD,
    alias: 'top',
    summary: 'Watch and steer it all in the terminal',
    group: PROJECT,
    load: async () => (await import('./dashboard.ts')).dashboard,
  },
  {
    name: 'doctor',
    summary: 'Check state, lock, clock, disk and processes; repair',
    group: PROJECT,
    load: async () => (await import('./doctor.ts')).doctor,
  },
  {
    name: 'service',
    summary: 'Print a systemd unit for this project',
    group: PROJECT,
    load: async () => (await import('./service.ts')).service,
  },
  {
    name: 'completion',
    summary: 'Print what makes Tab complete in bash, zsh or fish',
    group: PROJECT,
    load: async () => (await import('./completion.ts')).completion,
  },
];

export const ENTRIES: readonly CommandEntry[] = [...COMMANDS, ...OWN];

export const entryOf = (word: string): CommandEntry | undefined =>
  ENTRIES.find(({ name, alias }) => word === name || word === alias);
