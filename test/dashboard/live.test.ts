// The dashboard beside a daemon that is busy, stopped or gone, on terminals of all kinds, and with very many runs: what
// is on the screen is true, and neither costs the other anything.
import { truncateSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type Client, connectDaemon } from '../../src/api/client.ts';
import { HELD_JOB, MANY_JOBS, writeManyRuns } from '../helpers/many-runs.ts';
import { eventually, isAlive, Project, ROOT } from '../helpers/project.ts';
import { cpuMsOf, Screen } from '../helpers/tmux.ts';

const BIN = join(ROOT, 'bin/jobrun.js');
const JOBS = {
  'jobs/far.mjs': 'export default { run() {} };',
  'jobs/odd.mjs': `export default { run(_, ctx) {
    ctx.progress(50, '\u001b]0;owned\u0007\u001b[31mred\u001b[2J 漢字 👩‍👩‍👧 e\u0301 \u202eabc\u0007');
    return ctx.sleep(60_000); } };`,
};

async function clientOf(project: Project): Promise<Client> {
  const client = await connectDaemon(join(project.state, 'jobrun.sock'));
  if (!client) throw new Error('no daemon answers');
  onTestFinished(() => client.close());
  return client;
}

async function opened(command = `node ${BIN}`, size = { columns: 80, rows: 24 }) {
  const project = new Project(JOBS);
  const daemon = await project.daemon();
  const client = await clientOf(project);
  const screen = new Screen(project.dir, project.env, size);
  screen.press(`echo before; ${command}`, 'Enter');
  await screen.shows(/1 Run(ning)? 0/);
  return { project, daemon, client, screen };
}

const later = (key: string) => ({ job: 'far', params: {}, inMs: 7_200_000, key });

describe('the dashboard, live', () => {
  it('shows a change within 250 ms, and uses no processor while nothing changes', async () => {
    const { project, client, screen } = await opened();
    const shell = new Screen(project.dir, project.env, { columns: 80, rows: 24 });
    const took: number[] = [];
    const echoed: number[] = [];
    for (let i = 1; i <= 7; i++) {
      await pause(400);
      const began = performance.now();
      await client.call('schedule', later(`k${i}`));
      await screen.shows(`2 Sched ${i}`);
      took.push(performance.now() - began);
      const typed = performance.now();
      shell.press(`typed-${i}`, 'Enter');
      await shell.shows(`typed-${i}`);
      echoed.push(performance.now() - typed);
    }
    // Other work on the machine only adds to these times, so the fast ones tell what a change takes: 250 ms, or a few
    // times what the same terminal needs for the echo of a shell.
    const fast = (times: number[]): number => times.sort((a, b) => a - b)[1] ?? 0;
    expect(fast(took), took.join()).toBeLessThan(Math.max(250, 4 * fast(echoed)));
    await pause(2000);
    const before = cpuMsOf(screen.pid);
    await pause(6000);
    // A minute may begin meanwhile, and it asks now and then whether the daemon is there.
    expect(cpuMsOf(screen.pid) - before).toBeLessThanOrEqual(60);
  }, 60_000);

  it('drops pictures and not the truth when 200 changes come a second, and costs the daemon nothing while stopped', async () => {
    const { client, screen } = await opened();
    screen.press('2');
    const { pid } = screen;
    await pause(2000);
    const burst = async (from: number, count: number): Promise<void> => {
      for (let i = from; i < from + count; i += 20) {
        const calls = Array.from({ length: 20 }, (_, k) =>
          client.call('schedule', later(`b${i + k}`)),
        );
        await Promise.all([...calls, pause(100)]);
      }
    };
    const [cpu, began] = [cpuMsOf(pid), performance.now()];
    await burst(0, 800);
    const share = (cpuMsOf(pid) - cpu) / (performance.now() - began);
    await screen.shows('2 Sched 800');
    expect(share).toBeLessThan(0.4);
    process.kill(pid, 'SIGSTOP');
    await burst(800, 400);
    const asked = performance.now();
    await client.call('status', {});
    expect(performance.now() - asked).toBeLessThan(2000);
    screen.press('fg', 'Enter');
    await screen.shows('2 Sched 1,200');
  }, 60_000);

  it('says since when a stopped daemon has not answered, takes keys, and goes on when it does', async () => {
    const { daemon, client, screen } = await opened();
    await client.call('schedule', later('a'));
    await screen.shows('2 Sched 1');
    process.kill(daemon.pid, 'SIGSTOP');
    onTestFinished(() => {
      if (isAlive(daemon.pid)) process.kill(daemon.pid, 'SIGCONT');
    });
    screen.press('2');
    await screen.shows(/no answer since \d\d:\d\d:\d\d/);
    expect(screen.text).not.toContain('s schedule');
    screen.press('?');
    await screen.shows('to the first, to the last');
    screen.press('Escape');
    // Sent at once, the two would be one key held with Alt.
    await pause(200);
    screen.press('5');
    await screen.shows('waiting for the daemon');
    screen.resize(100, 30);
    await screen.shows(/no answer since[\s\S]*q quit/);
    process.kill(daemon.pid, 'SIGCONT');
    await screen.shows(/> +1 +far +scheduled/);
    await screen.shows('s schedule');
    expect(screen.text).not.toContain('no answer');
    expect(isAlive(daemon.pid)).toBe(true);
  }, 60_000);
});

describe('the dashboard, on terminals of all kinds', () => {
  it.each([
    ['in ASCII where the locale is', 'LC_ALL=C LANG=C'],
    ['in 16 colours', 'TERM=screen-16color'],
    ['as an xterm without colours', 'NO_COLOR=1 TERM=xterm'],
  ])(
    'draws %s, whatever is in the texts of jobs',
    async (_, env) => {
      const { client, screen } = await opened(`${env} node ${BIN}`);
      const { run } = (await client.call('schedule', { job: 'odd', params: {} })) as {
        run: { id: string };
      };
      screen.press('1');
      await screen.shows(new RegExp(`> +${run.id} +odd +running`));
      screen.press('Enter');
      await screen.shows(/red/);
      expect(screen.text).toContain('q quit');
      const isAscii = env.includes('LC_ALL=C');
      expect([...screen.text].some((letter) => letter > '~')).toBe(!isAscii);
      for (let i = 0; i < 12; i++) screen.resize(60 + 9 * (i % 7), 15 + 3 * (i % 5));
      screen.resize(80, 24);
      await eventually(() => {
        const { lines } = screen;
        const tabs = lines.filter((line) => line.includes('1 Run'));
        return lines.length === 24 && tabs.length === 1 && lines[23]?.includes('q quit');
      });
      process.kill(screen.pid, 'SIGHUP');
      await screen.shows(/before[\s\S]*\$\s*$/);
      screen.press('clear; stty -a | tr " " "\\n" | grep -cx -e icanon -e echo', 'Enter');
      await screen.shows(/^2$/m);
    },
    40_000,
  );

  it('prints the list on a terminal that can do nothing', async () => {
    const project = new Project(JOBS);
    const screen = new Screen(project.dir, project.env, { columns: 80, rows: 24 });
    screen.press(`TERM=dumb node ${BIN}; echo code $?`, 'Enter');
    await screen.shows(/needs a terminal[\s\S]*code 0/);
  }, 20_000);
});

describe('the dashboard, with very many runs', () => {
  it('goes through all of them, in every order, and finds one by its key', async () => {
    const total = 60_000;
    const names = [...MANY_JOBS, HELD_JOB].map((name) => `jobs/${name}.mjs`);
    const project = new Project(
      Object.fromEntries(names.map((name) => [name, JOBS['jobs/far.mjs']])),
    );
    await writeManyRuns(project.state, total, Date.now());
    await project.daemon();
    const screen = new Screen(project.dir, project.env, { columns: 80, rows: 24 });
    screen.press(`node ${BIN}`, 'Enter');
    await screen.shows('nothing runs; 20,000 wait');
    screen.press('5');
    await screen.shows(/> +60000 [\s\S]* 1-10 of 60,000 · newest first/);
    screen.press('G');
    await screen.shows(/> +1 [\s\S]* 59,991-60,000 of 60,000/);
    screen.press('PPage', 'PPage', 'k');
    await screen.shows(/> +20 /);
    screen.press('g', 'NPage', 'NPage', 'j');
    await screen.shows(/> +59981 /);
    screen.press('o');
    await screen.shows(/> +1 [\s\S]* 1-10 of 60,000 · oldest first/);
    screen.press('2');
    await screen.shows(/> +\d+ +held-back [\s\S]* 1-10 of 20,000 · next due first/);
    screen.press('G');
    await screen.shows(
      /in \d+h[\s\S]*> {2}\d+ +held-back [\s\S]* 19,991-20,000 of 20,000 · next due/,
    );
    screen.press('3');
    await screen.shows(/> +39999 [\s\S]* 1-10 of 39,900 · last settled first/);
    screen.press('o');
    await screen.shows(/> +39999 [\s\S]* 1-10 of 39,900 · newest first/);
    screen.press('4');
    await screen.shows(/>! +40000 [\s\S]* 1-10 of 100 · last settled first/);
    screen.press('G');
    await screen.shows(/>! +400 /);
    screen.press('5', '/');
    screen.type('key:key-30');
    await screen.shows(/> +30 /);
    screen.press('Escape');
    // Sent at once, the two would be one key held with Alt.
    await pause(200);
    screen.press('/');
    screen.type('sync');
    await screen.shows(/>!? +\d+ +sync-stock [\s\S]*\/sync/);
    screen.press('Enter', 'o');
    await screen.shows(/>!? +\d+ +sync-stock [\s\S]*newest first/);
    screen.press('y');
    await screen.shows('is copied');
  }, 60_000);

  it('asks once for rows that a damaged file keeps to itself', async () => {
    const project = new Project({ [`jobs/${HELD_JOB}.mjs`]: JOBS['jobs/far.mjs'] });
    await writeManyRuns(project.state, 6000, Date.now());
    truncateSync(join(project.state, 'runs/000000.json'), 100_000);
    await project.daemon();
    const screen = new Screen(project.dir, project.env, { columns: 80, rows: 24 });
    screen.press(`node ${BIN}`, 'Enter');
    await screen.shows('5 All 6,000');
    screen.press('5');
    await screen.shows(/> +6000 /);
    screen.press('G');
    await screen.shows(/> {2}…[\s\S]*5,991-6,000 of 6,000/);
    await pause(500);
    const before = cpuMsOf(screen.pid);
    await pause(2000);
    expect(cpuMsOf(screen.pid) - before).toBeLessThan(400);
  }, 30_000);
});
