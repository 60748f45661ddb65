// The roles of docs/cluster.md can do what the page says, and nothing more.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { query, Server, storeUrl } from '../helpers/postgres.ts';
import { Project, ROOT } from '../helpers/project.ts';

const page = readFileSync(join(ROOT, 'docs/cluster.md'), 'utf8');

/** The SQL of the page, block by block. */
const blocks = [...page.matchAll(/^```sql\n([\s\S]*?)^```$/gm)].map(([, sql = '']) => sql);

it('the role that runs jobs runs them, and the one that reads exports and changes nothing', async () => {
  const server = await Server.start({ fsync: true });
  const owner = storeUrl(server.port, 'jobrun');
  const project = new Project({
    'jobs/hello.js':
      'export default { run: async (params, ctx) => { ctx.log.info("hello"); ctx.result(7); return "done"; } };',
  });
  const as = (role: string): Project => {
    project.env.JOBRUN_ENGINE = owner.replace('jobrun@', `${role}@`);
    return project;
  };
  await as('jobrun').json('list');
  expect(blocks.length).toBe(2);
  for (const sql of blocks) await query(owner, sql);

  const worker = as('jobrun_worker');
  await worker.json('schedule', 'hello');
  await worker.json('schedule', 'hello', '--every', '10m', '--name', 'ten', '--in', '1h');
  await worker.cli(['daemon', '--until-idle']);
  expect(await worker.show('1')).toMatchObject({ state: 'done', output: 'done' });
  const said = { results: [7], log: [{ text: 'hello' }] };
  expect(await worker.show('1')).toMatchObject(said);
  await worker.json('schedule', 'hello');
  await worker.cli(['daemon', '--until-idle']);
  await worker.json('remove', '1', '--yes');
  expect(await worker.json('doctor')).toMatchObject({ sound: true });
  await expect(query(project.env.JOBRUN_ENGINE ?? '', 'drop table run')).rejects.toThrow(/owner/);

  const reader = as('jobrun_reader');
  const { code, stdout } = await reader.cli(['export']);
  expect(code).toBe(0);
  expect(stdout).toMatch(
    /\n\{"schedule":\{"name":"ten".*\n\{"end":true,"runs":1,"schedules":1,.*"logs":1,.*\n$/s,
  );
  expect(stdout).toMatch(/\{"log":\["2\.jsonl",.*hello/);
  expect(await query(project.env.JOBRUN_ENGINE ?? '', 'select run from log limit 1')).toEqual([
    { run: '2' },
  ]);
  const written = 'select turn, changes, (select count(*) from writer) as writers from meta';
  const store = project.env.JOBRUN_ENGINE ?? '';
  const { id } = await as('jobrun_worker').json('schedule', 'hello');
  as('jobrun_reader');
  const before = await query(owner, written);
  for (const command of ['list', 'jobs', 'schedules'])
    expect(Object.keys(await reader.json(command)).length).toBeGreaterThan(0);
  expect(await reader.show(id)).toMatchObject({ state: 'queued' });
  expect((await reader.cli(['status'])).code).toBe(4);
  expect(await query(owner, written)).toEqual(before);
  const refused = await reader.cli(['schedule', 'hello']);
  expect(refused.code).not.toBe(0);
  expect(refused.stderr).toMatch(/permission denied/);
  await expect(query(store, 'delete from schedule')).rejects.toThrow(/permission denied/);
  expect(await query(store, 'select name from schedule')).toEqual([{ name: 'ten' }]);
}, 180_000);
