// Tab in real shells: commands, options, jobs, and the runs that a command has something to do with; fast, and without
// ever printing an error into the line that somebody types.
import { join } from 'node:path';
import { describe, expect, it, test } from 'vitest';
import { needProgram } from '../helpers/platform.ts';
import { Project, ROOT } from '../helpers/project.ts';
import { Screen } from '../helpers/tmux.ts';

const JOBS = {
  'jobs/import-products.mjs': 'export default async () => 1;',
  'jobs/reports/daily.mjs': 'export default (_p, ctx) => ctx.sleep(60_000);',
  'jobs/_helper.mjs': '',
};

async function asked(project: Project, ...words: string[]): Promise<string[]> {
  const { code, stdout, stderr } = await project.cli(['__complete', ...words]);
  expect([code, stderr]).toEqual([0, '']);
  return stdout.split('\n').filter(Boolean);
}
const valuesOf = (lines: readonly string[]): string[] =>
  lines.map((line) => line.split('\t')[0] ?? '');

describe('what may stand next', () => {
  it('are commands, their options, and the names of what there is', async () => {
    const project = new Project(JOBS);
    expect(await asked(project, 'sched')).toEqual([
      'schedule\tRun a job later, or on a schedule',
      'schedules\tList schedules and their next times',
    ]);
    expect(valuesOf(await asked(project, 'abort', '--g'))).toEqual(['--grace']);
    expect(await asked(project, 'schedule', '')).toEqual(['import-products', 'reports/daily']);
    expect(await asked(project, 'schedule', 'r')).toEqual(['reports/daily']);
    expect(await asked(project, '--dir', project.dir, 'run', 'imp')).toEqual(['import-products']);
    expect(await asked(project, 'list', '--job', 'imp')).toEqual(['import-products']);
    expect(await asked(project, 'list', '--job=imp')).toEqual(['--job=import-products']);
    expect(await asked(project, 'list', '--state', 'done,fa')).toEqual(['done,failed']);
    expect(await asked(project, 'schedule', 'x', '--overlap', 'q')).toEqual(['queue']);
    expect(await asked(project, '--state-dir', '')).toEqual([':files']);
    expect(await asked(project, 'schedule', 'import-products', '')).toEqual([]);
    expect(await asked(project, 'no-such-command', '')).toEqual([]);
  });

  it('are only the runs that the command has something to do with', async () => {
    const project = new Project(JOBS);
    for (const job of ['import-products', 'import-products', 'reports/daily'])
      await project.cli(['schedule', job, '--in', '1h']);
    await project.cli(['abort', '2']);
    const both = async (): Promise<void> => {
      expect(await asked(project, 'show', '')).toEqual([
        '3\treports/daily, scheduled',
        '2\timport-products, aborted',
        '1\timport-products, scheduled',
      ]);
      expect(valuesOf(await asked(project, 'abort', ''))).toEqual(['3', '1']);
      expect(valuesOf(await asked(project, 'abort', '3', ''))).toEqual(['1']);
      expect(valuesOf(await asked(project, 'retry', ''))).toEqual(['2']);
    };
    await both();
    await project.daemon();
    await both();
    await project.cli(['schedule', 'import-products', '--every', '1h', '--name', 'hourly']);
    expect(valuesOf(await asked(project, 'unschedule', ''))).toEqual(['hourly']);
  }, 30_000);

  it('is nothing where there is no project, or one with a mistake', async () => {
    const project = new Project({ 'jobrun.config.json': '{ "no": 1 }' });
    expect(await asked(project, 'schedule', '')).toEqual([]);
    expect(await asked(project, 'show', '')).toEqual([]);
  });
});

const START: Readonly<Record<string, string>> = {
  bash: 'bash --norc --noprofile',
  zsh: 'zsh -f',
  fish: 'fish --no-config',
};
const LOAD: Readonly<Record<string, string>> = {
  bash: 'eval "$(jobrun completion bash)"',
  zsh: 'autoload -Uz compinit && compinit -D -u; eval "$(jobrun completion zsh)"',
  fish: 'jobrun completion fish | source',
};

test.each(Object.keys(START))(
  'Tab in %s writes a job, an option, and the one run there is',
  async (shell) => {
    needProgram(shell);
    const project = new Project(JOBS);
    const bin = join(project.dir, 'bin');
    project.write('bin/jobrun', `#!/bin/sh\nexec ${process.execPath} ${ROOT}bin/jobrun.js "$@"\n`);
    await project.cli(['schedule', 'reports/daily', '--in', '1h', '--priority', '7']);
    const env = { ...project.env, PATH: `${bin}:${project.env.PATH}`, TERM: 'xterm-256color' };
    const screen = new Screen(project.dir, env, { columns: 100, rows: 24 });
    screen.type(`${START[shell]}\n`);
    screen.type(`${LOAD[shell]}; echo rea''dy\n`);
    await screen.shows(/^ready/m);
    screen.type('jobrun schedule imp\t');
    await screen.shows('jobrun schedule import-products');
    screen.type('--prio\t');
    await screen.shows('import-products --priority');
    screen.type('3 --in 2h -q && echo made\n');
    await screen.shows(/^made/m);
    screen.type('clear; jobrun abort -q 1 && echo over\n');
    await screen.shows(/^over/m);
    screen.type('clear\njobrun abort \t');
    await screen.shows('jobrun abort 2');
  },
  60_000,
);
