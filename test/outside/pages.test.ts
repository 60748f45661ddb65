// The workers of docs/workers.md, as they stand there: they do runs, report failures, and go on where the daemon or
// they themselves are killed.
import { spawn } from 'node:child_process';
import { expect, onTestFinished, test } from 'vitest';
import { type ApiProject, apiProject } from '../helpers/api.ts';
import { accept } from '../helpers/outside.ts';
import { blocksOf, readPage } from '../helpers/page.ts';
import { type Doc, eventually } from '../helpers/project.ts';

const BLOCKS = blocksOf(readPage('docs/workers.md'));

function textOf(file: string): string {
  const block = BLOCKS.find(({ info }) => info === `file=${file}`);
  if (!block) throw new Error(`the page has no ${file}`);
  return `${block.lines.join('\n')}\n`;
}

/** As the page says, but that a worker may be silent for a second. */
const JOB = JSON.stringify({
  ...JSON.parse(textOf('jobs/resize.json')),
  lockTime: '1s',
  retries: 1,
});

const projectWith = (file: string): Promise<ApiProject> =>
  apiProject({ 'jobs/resize.json': JOB, [file]: textOf(file), 'cat.png': '12345' });

/** On a port that stays, so that the worker finds the next daemon. */
async function restarted(project: ApiProject): Promise<void> {
  const { pid } = await eventually(() => project.ask('status'));
  process.kill(pid, 'SIGKILL');
  await project.serve('--http', new URL(project.url).host);
}

function worker(project: ApiProject, program: string, file: string): () => void {
  const child = spawn(program, [file, project.url, 'state/http-key'], {
    ...{ cwd: project.dir, env: project.env, stdio: 'inherit', detached: true },
  });
  const kill = (): void => {
    try {
      process.kill(-(child.pid as number), 'SIGKILL');
    } catch {
      // It has ended.
    }
  };
  onTestFinished(kill);
  return kill;
}

const settled = (project: ApiProject, id: string): Promise<Doc> =>
  eventually(async () => {
    const run = await project.get(`runs/${id}`);
    return ['done', 'failed'].includes(run.state) ? run : null;
  }, 15_000);

test('the worker in Python has at most 30 lines, does runs, and outlives the daemon', async () => {
  expect(textOf('worker.py').trimEnd().split('\n').length).toBeLessThanOrEqual(30);
  const project = await projectWith('worker.py');
  worker(project, 'python3', 'worker.py');
  const first = await settled(project, await accept(project, { params: { file: 'cat.png' } }));
  expect(first).toMatchObject({ state: 'done', output: { resized: 'cat.png', to: 320 } });
  expect(first.log[0].text).toBe('resizing cat.png');
  await restarted(project);
  const second = await settled(project, await accept(project, { params: { file: 'b', width: 1 } }));
  expect(second).toMatchObject({ state: 'done', output: { resized: 'b', to: 1 }, attempt: 1 });
}, 40_000);

test('a worker in Python that fails says why, one that works for long is not given up, and one that is killed is', async () => {
  const project = await projectWith('worker.py');
  const work = '    post("/" + task["lease"], {"progress": 50';
  const slow = `    if task["params"]["file"] == "bad": raise ValueError("no such image")\n    time.sleep(task["params"]["width"])\n${work}`;
  const text = textOf('worker.py');
  expect(text).toContain(work);
  project.write('worker.py', text.replace(work, slow));
  const kill = worker(project, 'python3', 'worker.py');
  const bad = await settled(
    project,
    await accept(project, { params: { file: 'bad' }, retries: 0 }),
  );
  expect(bad).toMatchObject({ state: 'failed', error: { message: "ValueError('no such image')" } });
  expect(bad.error.stack).toContain('Traceback');
  const long = await settled(project, await accept(project, { params: { file: 'a', width: 3 } }));
  expect(long).toMatchObject({ state: 'done', attempt: 1 });
  const lost = await accept(project, { params: { file: 'a', width: 1 } });
  await eventually(async () => (await project.get(`runs/${lost}`)).state === 'running');
  kill();
  worker(project, 'python3', 'worker.py');
  const again = await settled(project, lost);
  expect(again.attempts.map(({ outcome }: { outcome: string }) => outcome)).toEqual([
    'stale',
    'returned',
  ]);
}, 40_000);

test('the worker in shell does runs, says what failed, and outlives the daemon', async () => {
  const project = await projectWith('worker.sh');
  worker(project, 'sh', 'worker.sh');
  const first = await settled(project, await accept(project, { params: { file: 'cat.png' } }));
  expect(first).toMatchObject({ state: 'done', output: { file: 'cat.png', bytes: 5 } });
  const failed = await settled(
    project,
    await accept(project, { params: { file: 'x' }, retries: 0 }),
  );
  expect(failed).toMatchObject({ state: 'failed', error: { message: 'there is no x' } });
  await restarted(project);
  const second = await settled(project, await accept(project, { params: { file: 'cat.png' } }));
  expect(second).toMatchObject({ state: 'done', attempt: 1 });
}, 40_000);
