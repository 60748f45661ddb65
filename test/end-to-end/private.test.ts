// Who else may see or change anything: the state folder and its socket are their owner's alone from their first moment,
// and nothing that somebody planted there is followed.
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { platform } from '../helpers/platform.ts';
import { Project } from '../helpers/project.ts';

const JOBS = {
  'jobs/says.js': `export default (_, ctx) => ctx.log.info('said');`,
  'jobs/quick.js': `export default (_, ctx) => { ctx.log.info('said'); ctx.result({ row: 1 }); };`,
};
const STRANGER = 54_321;

interface Entry {
  readonly path: string;
  readonly mode: number;
  readonly folder: boolean;
}

/** The folder and all in it; what goes away while it is looked at is left out. */
function everything(path: string): Entry[] {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (!stat) return [];
  const own = { path, mode: stat.mode & 0o777, folder: stat.isDirectory() };
  const names = own.folder ? readdirSync(path) : [];
  return [own, ...names.flatMap((name) => everything(join(path, name)))];
}

const shipped = ({ path }: Entry): boolean => path.endsWith('README.md');

describe('under any umask', () => {
  for (const mask of ['000', '077', '777'])
    test(`${mask}: files are 600 and folders 700, and open to nobody else at any moment`, async () => {
      const project = new Project(JOBS);
      project.env.NODE_OPTIONS = `--import=data:text/javascript,process.umask(0o${mask})`;
      const open: Entry[] = [];
      let looking = true;
      const look = async (): Promise<void> => {
        while (looking) {
          open.push(...everything(project.state).filter((one) => (one.mode & 0o077) !== 0));
          await new Promise(setImmediate);
        }
      };
      const looked = look();
      const daemon = await project.daemon();
      expect((await project.cli(['run', 'quick'])).code).toBe(0);
      await daemon.kill('SIGTERM');
      await project.json('schedule', 'quick');
      looking = false;
      await looked;
      expect(open.filter((one) => !shipped(one))).toEqual([]);
      const wrong = everything(project.state).filter(
        (one) => !shipped(one) && one.mode !== (one.folder ? 0o700 : 0o600),
      );
      expect(wrong).toEqual([]);
    }, 60_000);
});

const DAEMONS = [['daemon'], ['daemon', '--detach']];
const COMMANDS = [['schedule', 'quick'], ['list']];

/** Refused with 8, by the daemon in the foreground and detached and by commands without one, or by some of these. */
async function refused(
  project: Project,
  text: string,
  calls = [...DAEMONS, ...COMMANDS],
): Promise<void> {
  for (const [i, { code, stderr }] of (await project.calls(calls)).entries()) {
    expect([calls[i], code]).toEqual([calls[i], 8]);
    expect(stderr).toContain(text);
  }
}

describe('folders that are not ours alone are refused with 8, and left as they are', () => {
  test('a state folder that others may write to', async () => {
    const project = new Project(JOBS);
    mkdirSync(project.state);
    for (const mode of [0o777, 0o770, 0o702]) {
      chmodSync(project.state, mode);
      await refused(project, 'can be written by others', mode === 0o777 ? undefined : COMMANDS);
      expect([lstatSync(project.state).mode & 0o777, readdirSync(project.state)]).toEqual([
        mode,
        [],
      ]);
    }
  }, 60_000);

  test('a jobs folder that others may write to: none of its code is started', async () => {
    const project = new Project({
      'jobs/quick.js': `import { writeFileSync } from 'node:fs'; writeFileSync('ran', ''); export default () => 1;`,
    });
    chmodSync(join(project.dir, 'jobs'), 0o777);
    await refused(project, 'can be written by others');
    expect(existsSync(join(project.dir, 'ran'))).toBe(false);
    chmodSync(join(project.dir, 'jobs'), 0o755);
    expect((await project.cli(['schedule', 'quick'])).code).toBe(0);
  }, 60_000);

  test('but a whole project made under umask 0 works where nobody else can get at it, and nowhere else', async () => {
    const project = new Project({ 'jobs/quick.js': 'export default () => 1;' });
    const home = join(project.dir, 'home');
    const open = join(home, 'open');
    mkdirSync(join(open, 'jobs'), { recursive: true });
    for (const folder of [open, join(open, 'jobs')]) chmodSync(folder, 0o777);
    writeFileSync(join(open, 'jobs/quick.js'), 'export default () => 1;');
    chmodSync(home, 0o700);
    expect((await project.cli(['schedule', 'quick', '--dir', open])).code).toBe(0);
    // The folders of a test are private themselves.
    for (const folder of [join(project.dir, '..'), project.dir, home]) chmodSync(folder, 0o755);
    expect((await project.cli(['schedule', 'quick', '--dir', open])).code).toBe(8);
  }, 60_000);

  test.runIf(platform.isRoot)(
    'folders of another user (only root can make one)',
    async () => {
      for (const name of ['state', 'jobs']) {
        const project = new Project(JOBS);
        const folder = join(project.dir, name);
        mkdirSync(folder, { recursive: true });
        chownSync(folder, STRANGER, STRANGER);
        await refused(project, 'belongs to another user');
      }
    },
    60_000,
  );

  test('a state folder, or a folder in it, that is a link', async () => {
    for (const name of ['', 'runs', 'journal', 'logs', 'aside']) {
      const project = new Project(JOBS);
      const elsewhere = join(project.dir, 'elsewhere');
      mkdirSync(elsewhere);
      if (name !== '') mkdirSync(project.state, { mode: 0o700 });
      symlinkSync(elsewhere, join(project.state, name));
      await refused(project, 'is not a folder', name === '' ? undefined : [['schedule', 'quick']]);
      expect([name, readdirSync(elsewhere)]).toEqual([name, []]);
    }
  }, 120_000);
});

describe('what was planted in the state folder is not followed', () => {
  const PRECIOUS = 'precious\n';

  /** A file of somebody's, and each way to lead us to it under this name. */
  const WAYS = {
    'a symbolic link': (target: string, path: string) => symlinkSync(target, path),
    'a hard link': (target: string, path: string) => linkSync(target, path),
    'a pipe': (_target: string, path: string) => execFileSync('mkfifo', [path]),
  };
  const FILES = ['lock', 'witness', 'jobrun.sock', 'reserve', 'logs/1.jsonl', 'logs/daemon.log'];

  for (const [way, plant] of Object.entries(WAYS))
    test(`${way} under each name: what it leads to stays as it is, and nothing hangs`, async () => {
      for (const file of FILES) {
        const project = new Project(JOBS);
        const target = join(project.dir, 'precious');
        writeFileSync(target, PRECIOUS, { mode: 0o600 });
        for (const folder of ['', 'logs']) mkdirSync(join(project.state, folder), { mode: 0o700 });
        plant(target, join(project.state, file));
        const own = file === 'logs/daemon.log' ? ['--detach'] : [];
        for (const args of [
          ['schedule', 'says'],
          ['daemon', '--until-idle', ...own],
          ...(file.startsWith('logs/') ? [['show', '1']] : []),
        ]) {
          const { code, stderr } = await project.cli(args);
          const fine = [0, 3, 8].includes(code ?? -1) || (own.length > 0 && code !== null);
          expect([file, args, fine ? '' : stderr]).toEqual([file, args, '']);
        }
        expect([file, readFileSync(target, 'utf8')]).toEqual([file, PRECIOUS]);
      }
    }, 240_000);
});
