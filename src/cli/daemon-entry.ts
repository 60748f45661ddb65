// The one command that lives above the commands: it is the daemon itself.
import { type CommandEntry, PROJECT } from '../commands/index.ts';

export const daemonEntry: CommandEntry = {
  name: 'daemon',
  summary: 'Run the daemon in the foreground',
  group: PROJECT,
  load: async () => (await import('./daemon.ts')).daemon,
};
