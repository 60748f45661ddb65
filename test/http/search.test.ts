// A list whose filter asks for each run to be looked at: it is told as it is found, with how far the search is, and a
// client that goes ends it.
import { request } from 'node:http';
import { expect, test } from 'vitest';
import { ApiProject } from '../helpers/api.ts';
import { settledRun, writeRuns } from '../helpers/many-runs.ts';
import { connected, type Doc } from '../helpers/project.ts';

const RUNS = 60_000;
const BEGAN = Date.UTC(2026, 10, 1);
const RARE = [59_990, 7];
/** Each run names all cities that are looked for, so each has to be read, however fast the machine is. */
const CITIES = ['Berlin', 'Rome', 'Bern', ...Array.from({ length: 10 }, (_, i) => `Nowhere${i}`)];

/** Reads a reply line by line until `leave` says so, or it is over. */
function lines(
  project: ApiProject,
  path: string,
  leave: (line: Doc) => boolean = () => false,
): Promise<{ readonly type: string | undefined; readonly all: readonly Doc[] }> {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${project.key()}` };
    const asked = request(`${project.url}/api/v1/${path}`, { headers }, (response) => {
      const all: Doc[] = [];
      let rest = '';
      const end = (): void => resolve({ type: response.headers['content-type'], all });
      response.on('data', (chunk) => {
        const whole = `${rest}${chunk}`.split('\n');
        rest = whole.pop() ?? '';
        for (const line of whole) {
          all.push(JSON.parse(line));
          if (!leave(all.at(-1))) continue;
          asked.destroy();
          return end();
        }
      });
      response.on('end', end);
    });
    asked.on('error', reject);
    asked.end();
  });
}

test('a search tells what is found so far and how far it is; a client that leaves ends it', async () => {
  const project = new ApiProject({ 'jobs/work.mjs': 'export default () => 1;' });
  await writeRuns(project.state, RUNS, (id) => {
    const city = RARE.includes(id) ? 'Berlin' : 'Paris';
    return { ...settledRun(id, BEGAN + id), params: { city, seen: CITIES } };
  });
  await project.serve();
  const asking = (filter: string): string => `runs?parts=true&q=${encodeURIComponent(filter)}`;

  const left = await lines(project, asking('param:city=Berlin'), ({ total }) => total > 0);
  const first = left.all.at(-1);
  expect(first).toMatchObject({ total: 1, runs: [{ id: '59990' }], complete: false });
  const { searched, toSearch } = first;
  expect([searched > 0, searched < RUNS, toSearch]).toEqual([true, true, RUNS]);

  // As long as the first one would have taken: what it has found by then, it knows.
  const other = await lines(project, asking('param:city=Rome'));
  expect(other.all.at(-1)).toEqual({ total: 0, runs: [], complete: true });
  const again = await lines(project, asking('param:city=Berlin'));
  expect(again.type).toBe('application/x-ndjson');
  expect(again.all.length, 'the search that was left did not go on').toBeGreaterThan(1);
  const ids = (list: Doc): string[] => list.runs.map(({ id }: Doc) => id);
  expect([again.all.at(-1).complete, ids(again.all.at(-1))]).toEqual([true, RARE.map(String)]);

  // Without parts it is one reply; the last part is whole where there is nothing to look for, too.
  const whole = await project.get('runs?q=param:city=Berlin');
  expect([Object.keys(whole), ids(whole)]).toEqual([['total', 'runs'], RARE.map(String)]);
  const counted = await lines(project, 'runs?parts=true&limit=1');
  expect(counted.all.at(-1)).toMatchObject({ total: RUNS, complete: true });
  const { status, json } = await project.api('GET', asking('since:2x'));
  expect([status, json.error.code]).toEqual([400, 'bad-option']);

  // A command prints the whole list, and Ctrl-C ends its search in the daemon: what that finds by then, it would know.
  const printed = await project.json('list', '--filter', 'param:city=Berlin');
  expect([Object.keys(printed), ids(printed)]).toEqual([['total', 'runs'], RARE.map(String)]);
  const [city] = await interrupted(project);
  await lines(project, asking('param:city=Bern'));
  const after = await lines(project, asking(`param:city=${city}`));
  expect(after.all.length, 'the search that was interrupted did not go on').toBeGreaterThan(1);
}, 60_000);

/** Interrupts a search from the command line as soon as the daemon works on it; again where that was too late. */
async function interrupted(project: ApiProject): Promise<[string]> {
  for (let i = 0; ; i++) {
    const city = `Nowhere${i}`;
    const going = project.start('list', '--filter', `param:city=${city}`);
    // One for calls, and one for the search.
    await connected(going, 2);
    const { code } = await going.kill('SIGINT');
    if (code === 130) return [city];
  }
}
