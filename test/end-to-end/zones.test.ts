// Which zone it is: what is typed is read in the zone of whoever types it, whatever that of the daemon is, and a TZ
// that names no zone is told once, by its name.
import { describe, expect, it } from 'vitest';
import { type Doc, eventually, Project } from '../helpers/project.ts';

const JOB = 'export default { run: () => 1 };\n';
const WINTER = '2027-12-01 18:30';
const at = (hour: string): string => `2027-12-01T${hour}:00.000Z`;

/** What `--at`, `next`, `--cron` and `update --at` make of half past six in December. */
async function typed(project: Project, ...tz: string[]): Promise<Doc> {
  const { id, dueAt } = await project.json('schedule', 'a', '--at', WINTER, ...tz);
  const { timezone, next } = await project.json('next', '30 18 1 12 *', '-n', '1', ...tz);
  const cron = ['--cron', '30 18 1 12 *', '--name', `n${id}`];
  const made = await project.json('schedule', 'a', ...cron, ...tz);
  const moved = await project.json('update', id, '--at', WINTER, ...tz);
  const hours = [dueAt, next[0], made.nextAt, moved.dueAt].map((iso) => iso.slice(10));
  return { zones: new Set([timezone, made.timezone]), hours: new Set(hours) };
}

const all = (zone: string, hour: string): Doc => ({
  zones: new Set([zone]),
  hours: new Set([at(hour).slice(10)]),
});

describe('what is typed', () => {
  it('is in the zone of the shell, not of the daemon; in --tz and the config before that', async () => {
    const project = new Project({ 'jobs/a.mjs': JOB, 'jobs/own.mjs': own('0 9 * * *') });
    project.env.TZ = 'Asia/Tokyo';
    const daemon = await project.daemon();
    project.env.TZ = 'europe/berlin';
    expect(await typed(project)).toEqual(all('Europe/Berlin', '17:30'));
    expect(await typed(project, '--tz', 'america/new_york')).toEqual(
      all('America/New_York', '23:30'),
    );
    project.write('jobrun.config.json', '{ "timezone": "Asia/Kolkata" }');
    expect(await typed(project)).toEqual(all('Asia/Kolkata', '13:00'));
    // The cron of a job file is in the daemon's, which was started before there was a config.
    const { schedules } = await project.json('schedules', 'own');
    expect(schedules[0].timezone).toBe('Asia/Tokyo');
    await daemon.kill('SIGTERM');
  }, 120_000);

  it('is echoed in the zone in which it was read', async () => {
    const project = new Project({ 'jobs/a.mjs': JOB });
    const there = ['--tz', 'Europe/Berlin'];
    const run = await project.cli(['schedule', 'a', '--at', WINTER, ...there]);
    expect(run.stdout).toContain('runs Wed 1 Dec 2027 18:30 CET');
    const made = await project.cli(['schedule', 'a', '--cron', '30 18 1 12 *', ...there]);
    expect(made.stdout).toContain('(cron 30 18 1 12 *, Europe/Berlin)');
    const moved = await project.cli(['update', '1', '--at', '2027-12-01 9:00', ...there]);
    expect(moved.stdout).toContain('runs Wed 1 Dec 2027 09:00 CET');
  });

  it('into a program is in the zone of that program', async () => {
    const project = new Project({ 'jobs/a.mjs': JOB });
    project.env.TZ = 'Asia/Tokyo';
    await project.daemon();
    project.env.TZ = 'Europe/Berlin';
    const file = project.write(
      'make.mjs',
      `import { connect } from ${JSON.stringify(new URL('../../dist/index.js', import.meta.url).href)};
       const jobs = await connect({ dir: '.' });
       const { timezone } = await jobs.schedule('a', {}, { cron: '0 9 * * *' });
       const own = await jobs.schedule('a', {}, { cron: '0 9 * * *', timezone: 'asia/kolkata', name: 'own' });
       console.log(timezone, own.timezone);
       await jobs.close();`,
    );
    expect((await project.node(file)).stdout.trim()).toBe('Europe/Berlin Asia/Kolkata');
  });
});

describe('a time', () => {
  it('after --since lies behind, in words too; after --at ahead, and a length of it stays one', async () => {
    const project = new Project({ 'jobs/a.mjs': JOB });
    await project.json('schedule', 'a');
    const later = new Date(Date.now() + 600_000).toISOString().slice(11, 16);
    const times = ['today', 'yesterday', '2 hours', 'monday', later, '2026-01-01', 'tomorrow'];
    const lists = await project.calls(times.map((since) => ['list', '--json', '--since', since]));
    const wrong = lists.pop();
    for (const [i, { stdout }] of lists.entries())
      expect([times[i], JSON.parse(stdout).total]).toEqual([times[i], 1]);
    expect([wrong?.code, wrong?.stderr]).toEqual([2, expect.stringContaining('is still to come')]);
    for (const time of [
      ['--at', 'in 20m'],
      ['--at', '20 minutes'],
      ['--in', '20 minutes'],
    ]) {
      const { dueAt, createdAt } = await project.json('schedule', 'a', ...time);
      expect([time, Date.parse(dueAt) - Date.parse(createdAt)]).toEqual([time, 1_200_000]);
    }
    const far = await project.cli(['schedule', 'a', '--in', '8000000d']);
    expect([far.code, far.stderr]).toEqual([2, expect.stringContaining('year 9999')]);
  });
});

describe('a TZ', () => {
  it('that is empty is UTC', async () => {
    const project = new Project({ 'jobs/own.mjs': own('0 9 * * *') });
    project.env.TZ = '';
    await project.daemon();
    const schedules = await eventually(async () => {
      const made = (await project.json('schedules')).schedules;
      return made.length > 0 && made;
    });
    expect(schedules[0]).toMatchObject({ timezone: 'UTC', paused: false });
    const { id } = await project.json('schedule', 'own', '--at', WINTER);
    expect((await project.cli(['show', id])).stdout).toContain('18:30 UTC');
  });

  it.each(['Foo/Bar', 'UTC+3', 'CET-1CEST,M3.5.0,M10.5.0/3'])(
    'that names no zone is told once, and nothing is accepted under it: %s',
    async (TZ) => {
      const project = new Project({
        'jobs/a.mjs': own('0 9 * * *'),
        'jobs/b.mjs': own('* * * * *'),
      });
      project.env.TZ = TZ;
      const wrong = `TZ: there is no time zone "${TZ}"`;
      const daemon = project.start('daemon');
      expect((await daemon.exited).code).toBe(2);
      expect(daemon.stderr().split(wrong)).toHaveLength(2);
      for (const words of [['schedule', 'a', '--at', WINTER], ['schedule', 'a'], ['jobs']]) {
        const { code, stderr } = await project.cli(words);
        expect([code, stderr.split(wrong).length]).toEqual([2, 2]);
      }
      // What needs no zone is done.
      expect(await project.json('list')).toEqual({ total: 0, runs: [] });
      project.write('jobrun.config.json', '{ "timezone": "Europe/Berlin" }');
      expect((await project.json('next', '0 9 * * *')).timezone).toBe('Europe/Berlin');
      expect((await project.json('schedule', 'a', '--at', WINTER)).dueAt).toBe(at('17:30'));
    },
    60_000,
  );

  it('does not matter where --tz is given; what is ambiguous or unknown there is refused by that name', async () => {
    const project = new Project({ 'jobs/a.mjs': JOB });
    for (const zone of ['BST', 'AST', 'Foo/Bar']) {
      for (const words of [
        ['next', '0 9 * * *'],
        ['schedule', 'a', '--cron', '0 9 * * *'],
        ['schedule', 'a', '--at', WINTER],
        ['run', 'a', '--at', WINTER],
        ['update', '1', '--at', WINTER],
      ]) {
        const { code, stderr } = await project.cli([...words, '--tz', zone]);
        expect([words, code]).toEqual([words, 2]);
        expect(stderr).toMatch(/^error: --tz: /);
      }
    }
    expect(await project.json('schedules')).toEqual({ schedules: [] });
    project.env.TZ = 'Foo/Bar';
    const { next } = await project.json('next', '30 18 1 12 *', '--tz', 'Asia/Tokyo', '-n', '1');
    expect(next[0].slice(10)).toBe('T09:30:00.000Z');
  }, 60_000);
});

function own(cron: string): string {
  return `export default { cron: '${cron}', run: () => 1 };\n`;
}
