// The dashboard stands beside the commands like the daemon: it is a program of its own.
import { type CommandEntry, PROJECT } from '../commands/index.ts';

export const dashboardEntry: CommandEntry = {
  name: 'dashboard',
  alias: 'top',
  summary: 'Watch and steer it all in the terminal',
  group: PROJECT,
  load: async () => (await import('./dashboard.ts')).dashboard,
};
