// `jobrun reload`: has the daemon read all job files anew, and says what became of which job.
import type { JobChange } from '../catalog/catalog.ts';
import type { Command } from './shared/command.ts';
import { type Output, paint } from './shared/output.ts';
import { noDaemon } from './shared/waiting.ts';

interface Reply {
  /** The number of all jobs that exist now. */
  readonly total: number;
  readonly changes: readonly JobChange[];
}

const options = {};

export const reload: Command<typeof options, Reply> = {
  name: 'reload',
  needsDaemon: 'Without one, each command reads the job files as they are.',
  about:
    'Read all job files again, and list the jobs that became broken, whole, new or gone. The daemon sees changes by itself. Use this with --no-watch, after installing packages, or to wait until a change is in.',
  examples: ['reload', 'reload --json | jq \'.changes[] | select(.became == "broken")\''],
  options,

  async handle(_request, { daemon, catalog }) {
    if (!daemon) throw noDaemon('jobrun reload');
    const changes = await daemon.reload();
    return { total: catalog.all().length, changes };
  },

  show(reply, out) {
    const { total, changes } = reply;
    if (
      out.done(
        reply,
        changes.map(({ job }) => job),
      )
    )
      return undefined;
    for (const change of changes) showChange(change, out);
    out.line`${total} ${total === 1 ? 'job' : 'jobs'} read, ${changes.length} changed`;
    return undefined;
  },
};

function showChange({ job, became, error }: JobChange, out: Output): void {
  const style = became === 'broken' ? 'red' : became === 'gone' ? 'yellow' : 'green';
  out.line`${paint(style, became.padEnd(7))} ${job}${error === null ? '' : `: ${error}`}`;
}
