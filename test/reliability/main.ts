// `npm run reliability [-- --quick] [-- --minutes=n] [name …]`: runs the experiments of this folder and puts their
// tables into docs/reliability.md, each between its own marks, with the machine that they were made on. With --quick,
// or with minutes for the ones that last by the clock, the tables are only printed. Exits 1 where anything was lost.
import { readdirSync, readFileSync, statfsSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, release, tmpdir, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { Experiment, Row, Size } from '../helpers/experiment.ts';

const HERE = fileURLToPath(new URL('.', import.meta.url));
const PAGE = fileURLToPath(new URL('../../docs/reliability.md', import.meta.url));
const GB = 1024 ** 3;
/** The numbers by which Linux calls its file systems. */
const FILE_SYSTEMS: Readonly<Record<number, string>> = {
  61267: 'ext4',
  1481003842: 'xfs',
  2435016766: 'btrfs',
  16914836: 'tmpfs',
  2035054128: 'overlayfs',
};

const names = readdirSync(HERE)
  .flatMap((file) => /^([\w-]+)\.ts$/.exec(file)?.[1] ?? [])
  .filter((name) => name !== 'main')
  .sort();
const args = process.argv.slice(2).filter((arg) => arg !== '--');
const size: Size = args.includes('--quick') ? 'quick' : 'full';
const given = args.find((arg) => arg.startsWith('--minutes='))?.slice('--minutes='.length);
const minutes = given === undefined ? undefined : Number(given);
if (minutes !== undefined && !(minutes > 0)) {
  console.error(`"${given}" is no number of minutes`);
  process.exit(2);
}
const asked = args.filter((arg) => !arg.startsWith('--'));
const unknown = asked.find((name) => !names.includes(name));
if (unknown !== undefined) {
  console.error(`there is no experiment "${unknown}"; there are: ${names.join(', ')}`);
  process.exit(2);
}

let lost = 0;
for (const name of asked.length > 0 ? asked : names) {
  const { default: experiment } = (await import(`./${name}.ts`)) as { default: Experiment };
  console.error(`${name}: ${experiment.title}`);
  const begin = performance.now();
  const rows = await experiment.run(size, (text) => console.error(`  ${text}`), minutes);
  const seconds = Math.round((performance.now() - begin) / 1000);
  const table = tableOf(rows, seconds, name);
  console.log(`\n### ${experiment.title}\n\n${table}`);
  if (size === 'full' && minutes === undefined) put(name, experiment.title, table);
  lost += rows.reduce((sum, row) => sum + (row.lost ?? 0), 0);
}
process.exit(lost > 0 ? 1 : 0);

function tableOf(rows: readonly Row[], seconds: number, name: string): string {
  const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ');
  const lines = rows.map(
    ({ what, times, lost, detail = '' }) =>
      `| ${cell(what)} | ${times.toLocaleString('en')} | ${lost ?? '–'} | ${cell(detail)} |`,
  );
  const head = ['| what was done | times | lost | figures |', '|---|--:|--:|---|'];
  return `${[...head, ...lines].join('\n')}\n\n\`npm run reliability ${name}\`, ${seconds} s on ${machine()}.\n`;
}

function machine(): string {
  const { type } = statfsSync(tmpdir());
  const memory = Math.round(totalmem() / GB);
  const disk = FILE_SYSTEMS[type] ?? `file system 0x${type.toString(16)}`;
  const day = new Date().toISOString().slice(0, 10);
  const cores = `${availableParallelism()} cores (${cpus()[0]?.model.trim() ?? process.arch})`;
  return `${cores}, ${memory} GB, ${process.platform} ${release()}, Node ${process.versions.node}, ${disk}, ${day}`;
}

/** Replaces what stands between the marks of an experiment; one that has none yet gets them at the end. */
function put(name: string, title: string, table: string): void {
  const [begin, end] = [`<!-- figures: ${name} -->`, `<!-- end of ${name} -->`];
  const text = readFileSync(PAGE, 'utf8');
  const block = `${begin}\n### ${title}\n\n${table}${end}`;
  const from = text.indexOf(begin);
  const to = text.indexOf(end);
  const next =
    from < 0 || to < from
      ? `${text.trimEnd()}\n\n${block}\n`
      : `${text.slice(0, from)}${block}${text.slice(to + end.length)}`;
  writeFileSync(PAGE, next);
}
