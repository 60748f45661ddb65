// The real dashboard in a real terminal, on a real daemon, driven by keys.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { eventually, Project, ROOT } from '../helpers/project.ts';
import { Screen } from '../helpers/tmux.ts';

const BIN = join(ROOT, 'bin/jobrun.js');

const FILES = {
  'jobs/walk.mjs': `export default {
    description: 'Walks in steps',
    params: { '~standard': { version: 1, vendor: 'test', validate: (value) => ({ value }),
      jsonSchema: { input: () => ({ type: 'object', properties: { steps: { type: 'number', default: 40 } } }) } } },
    async run({ steps = 40 }, ctx) {
      for (let i = 1; i <= steps; i++) {
        ctx.progress((100 * i) / steps, 'step ' + i + ' of ' + steps);
        ctx.log.info('walked ' + i);
        await ctx.sleep(250);
      }
    },
  };`,
  'jobs/watch.mjs': 'export default { run: (_, ctx) => ctx.sleep(60_000) };',
  'jobs/trip.mjs': `export default { run() { throw new Error('fell \\u001b[2Jover 漢字'); } };`,
};

async function opened(size = { columns: 80, rows: 24 }, command = '') {
  const project = new Project(FILES);
  const daemon = await project.daemon();
  const screen = new Screen(project.dir, project.env, size);
  screen.press(`echo before; node ${BIN} ${command}`, 'Enter');
  await screen.shows('1 Run');
  return { project, daemon, screen };
}

describe('the dashboard in a terminal', () => {
  it('schedules a run, shows it running, opens it, and aborts it when that is confirmed', async () => {
    const { project, screen } = await opened();
    screen.press('s');
    await screen.shows('> trip');
    screen.type('walk');
    screen.press('Enter');
    await screen.shows('default 40');
    screen.type('90');
    screen.press('Down');
    screen.type('in 1s');
    await screen.shows(/runs \w{3} \d+ .* in 1\.0s/);
    screen.press('C-s');
    await screen.shows('scheduled walk as 1');
    await screen.shows(/> +1 +walk +running +█+░+ +\d+%/);
    screen.press('Enter');
    await screen.shows(/step \d+ of 90[\s\S]*params +\{"steps":90\}/);
    screen.press('G');
    await screen.shows(/walked \d/);
    const { id } = await project.json('schedule', 'watch');
    screen.press('Escape');
    await screen.shows(new RegExp(` ${id} +watch +running`));
    screen.press('k', 'l');
    await screen.shows(new RegExp(`log of ${id} watch.*following\\s+it has said nothing`));
    screen.press('Escape');
    // Sent at once, the two would be one key held with Alt.
    await pause(200);
    screen.press('j');
    await screen.shows(/> +1 +walk/);
    screen.press('a');
    await screen.shows(/Abort 1 walk, running \d+s, \d+% done\?/);
    screen.press('Enter');
    await pause(300);
    expect((await project.show('1')).state).toBe('running');
    screen.press('y');
    await screen.shows('aborted 1 walk');
    expect((await project.show('1')).state).toBe('aborted');
    screen.press('4');
    await screen.shows(/> +1 +walk +aborted/);
  }, 40_000);

  it('retries, filters, pauses and moves a due time', async () => {
    const { project, screen } = await opened();
    await project.json('schedule', 'trip');
    await project.json('schedule', 'walk', '--in', '2h');
    await project.until('1');
    screen.press('4');
    await screen.shows(/>! +1 +trip +failed +fell over 漢字/);
    screen.press('r');
    await screen.shows(/attempt +2 of 2/);
    screen.press('5', '/');
    screen.type('wal');
    await screen.shows(/1-1 of 1|\/wal/);
    await eventually(() => !screen.lines.slice(3, 9).join('\n').includes('trip'));
    await screen.shows(/> +2 +walk/);
    screen.press('Enter', 'e');
    screen.type('9999-12-31');
    await screen.shows('runs Fri 31 Dec 9999');
    screen.press('Enter');
    await eventually(async () =>
      (await project.ask('show', { id: '2' })).dueAt.startsWith('9999-12-31'),
    );
    screen.press('P');
    await screen.shows('Pause or resume?');
    await pause(200);
    screen.press('p');
    await screen.shows('paused walk');
    screen.press('6');
    await screen.shows(/> +walk +paused/);
    screen.press('P');
    await screen.shows('Pause or resume?');
    await pause(200);
    screen.press('p');
    await screen.shows('resumed walk');
  }, 40_000);

  it('marks all that match a filter, on the screen or not, and none where all are marked', async () => {
    const { project, screen } = await opened();
    const lines = Array.from({ length: 30 }, (_, i) => ({
      ...{ job: i % 10 === 0 ? 'watch' : 'walk', in: '2h', key: `k${i}` },
    }));
    const batch = lines.map((line) => JSON.stringify(line)).join('\n');
    project.write('batch', batch);
    await project.cli(['schedule', '--batch', 'batch']);
    screen.press('2');
    await screen.shows('1-10 of 30');
    screen.press('/');
    screen.type('-watch');
    await screen.shows(/-watch/);
    screen.press('Enter');
    await screen.shows('1-10 of 27');
    screen.press('*');
    await screen.shows('27 marked');
    screen.press('*');
    await eventually(() => !screen.text.includes('marked'));
    screen.press('*');
    await screen.shows('27 marked');
    expect(screen.text).not.toContain('r retry');
    screen.press('a');
    await screen.shows('Abort 27 runs?');
    await pause(200);
    screen.press('y');
    await screen.shows('aborted 27 runs');
    const { counts } = await project.json('status');
    expect([counts.aborted, counts.scheduled]).toEqual([27, 3]);
  }, 40_000);

  it('Escape stops what goes through all that match: what is under way is finished, the rest is left alone', async () => {
    const { project, screen } = await opened();
    project.write(
      'jobs/deaf.mjs',
      `export default { grace: '4s', run: () => new Promise((done) => setTimeout(done, 600_000)) };`,
    );
    const later = (n: number): Promise<unknown> => {
      const lines = Array.from({ length: n }, () => JSON.stringify({ job: 'walk', in: '2h' }));
      return project.cli(['schedule', '--batch', '-'], lines.join('\n'));
    };
    await later(1200);
    const { id } = await project.json('schedule', 'deaf');
    await later(200);
    await project.until(id, ['running']);
    screen.press('5');
    await screen.shows('of 1,401');
    screen.press('*');
    await screen.shows('all 1,401 are marked');
    screen.press('a');
    await screen.shows('Abort all 1,401 that match?');
    await pause(200);
    screen.press('y');
    await screen.shows('aborting 200 of 1,401 …');
    expect(screen.lines.at(-1)).toContain('Esc stop');
    screen.press('Escape');
    await screen.shows('stopped: 200 of 1,401 done, and what was under way');
    expect(screen.lines.at(-1)).not.toContain('Esc stop');
    await project.until(id);
    const { counts } = await project.json('status');
    expect([counts.aborted, counts.scheduled]).toEqual([400, 1001]);
  }, 40_000);

  it('lists schedules, pauses one and removes one, but not one that a job file defines', async () => {
    const { project, screen } = await opened();
    await project.json('schedule', 'walk', '--cron', '0 3 * * *', '--tz', 'UTC', '--name', 'early');
    project.write('jobs/tidy.mjs', "export default { cron: '30 2 * * *', run() {} };");
    screen.press('7');
    await screen.shows(/> +early +walk +0 3 \* \* \* UTC +in \d+[hms][\s\S]*tidy/);
    await screen.shows(/next +(\d\d-\d\d )?03:00, .*\n params [\s\S]*job +walk +rule +0 3/);
    screen.press('P');
    await screen.shows(/p pause early {2}a pause all jobs/);
    await pause(200);
    screen.press('p');
    await screen.shows(/> +early +walk +.* paused/);
    screen.press('Enter');
    await screen.shows(/early +paused[\s\S]*next times, UTC(.*\n.*03:00:00 .*){5}/);
    screen.press('Escape');
    await pause(200);
    screen.press('x');
    await screen.shows('Remove the schedule early?');
    await pause(200);
    screen.press('Enter');
    await pause(200);
    screen.press('y');
    await screen.shows('removed the schedule early');
    await screen.shows(/> +tidy /);
    expect(screen.text).not.toContain('x remove');
    const { schedules } = await project.json('schedules');
    expect(schedules.map(({ name }: { name: string }) => name)).toEqual(['tidy']);
  }, 40_000);

  it('shows a new run within 1.5 seconds, its command included, and is right after a resize', async () => {
    const { project, screen } = await opened();
    const { id } = await project.json('schedule', 'walk', '-p', 'steps=1000');
    await screen.shows(new RegExp(`> +${id} +walk +running`), 1500);
    for (const [columns, rows] of [
      [120, 40],
      [60, 15],
      [40, 10],
      [100, 30],
      [80, 24],
    ] as const) {
      screen.resize(columns, rows);
      await screen.shows(
        columns < 60 ? `needs 60x15, this is ${columns}x${rows}` : /\? help {2}q quit/,
      );
      if (columns < 60) continue;
      await eventually(
        () => screen.lines.length === rows && screen.lines[rows - 1]?.includes('q quit'),
      );
      expect(screen.lines.filter((line) => line.includes('1 Run'))).toHaveLength(1);
      expect(screen.lines.filter((line) => line.includes('STATE'))).toHaveLength(1);
    }
  }, 40_000);

  it('goes on read only when the daemon has gone, and by itself when one is back', async () => {
    const { project, daemon, screen } = await opened();
    await project.json('schedule', 'walk', '--in', '2h');
    screen.press('2');
    await screen.shows(/> +1 +walk +scheduled/);
    await daemon.kill('SIGKILL');
    await screen.shows('no daemon: read only');
    screen.press('a');
    screen.press('2');
    const seen = await screen.shows(/> +1 +walk +scheduled/);
    expect(seen).not.toContain('Abort');
    expect(seen).not.toContain('a abort');
    await project.json('schedule', 'walk', '--in', '3h');
    await screen.shows(/ 2 +walk +scheduled/);
    await project.daemon();
    await screen.shows('up under 1m');
    await screen.shows('a abort');
    expect(screen.text).not.toContain('read only');
  }, 40_000);

  it('gives the terminal back: on quit, on SIGTERM, and while suspended', async () => {
    const { screen } = await opened();
    screen.press('C-z');
    await screen.shows(/before[\s\S]*Stopped/);
    screen.press('fg', 'Enter');
    await screen.shows('1 Run');
    screen.press('q');
    await screen.shows(/before[\s\S]*\$\s*$/);
    screen.press('stty -a | tr " " "\\n" | grep -cx -e icanon -e echo', 'Enter');
    await screen.shows(/^2$/m);
    screen.press('clear', 'Enter', `echo again; node ${BIN} top --read-only`, 'Enter');
    await screen.shows('read only');
    screen.press('C-z');
    await screen.shows('Stopped');
    screen.press('kill -TERM %1; fg', 'Enter');
    await screen.shows(/again[\s\S]*\$\s*$/);
    expect(screen.text).not.toContain('1 Run');
    const crash = 'setTimeout(()=>Promise.reject(1),5000)';
    screen.press('clear', 'Enter');
    screen.type(`echo third; node --import 'data:text/javascript,${crash}' ${BIN}; echo code $?`);
    screen.press('Enter');
    await screen.shows('1 Run');
    await screen.shows(/third[\s\S]*the dashboard has crashed[\s\S]*code 1/);
  }, 40_000);

  it('draws nothing at rest, and only what has changed while a run goes on', async () => {
    const { project, screen } = await opened();
    const file = join(project.dir, 'sent');
    await eventually(() => new Date().getSeconds() < 50, 15_000);
    screen.record(file);
    await eventually(() => existsSync(file));
    const sentSoFar = (): number => readFileSync(file, 'utf8').length;
    await eventually(async () => {
      const before = sentSoFar();
      await pause(4000);
      return sentSoFar() === before;
    }, 20_000);
    const { id } = await project.json('schedule', 'walk', '-p', 'steps=12');
    await project.until(id);
    await screen.shows('3 Done 1');
    const sent = readFileSync(file, 'utf8');
    expect(sent).not.toContain('\u001b[2J');
    const frames = sent.split('\u001b[?2026h').length - 1;
    expect(frames).toBeLessThan(60);
    expect(sent.length / frames).toBeLessThan(1500);
  }, 60_000);

  it('prints the list once where there is no terminal', async () => {
    const project = new Project(FILES);
    await project.json('schedule', 'walk', '--in', '2h');
    const { code, stdout, stderr } = await project.cli(['top']);
    expect([code, stderr.trim()]).toEqual([0, 'the dashboard needs a terminal: this is the list']);
    expect(stdout).toContain('walk');
    expect((await project.json('dashboard')).total).toBe(1);
    expect((await project.cli([])).stdout).toContain('Usage: jobrun');
  });
});
