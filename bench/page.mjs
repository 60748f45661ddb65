// What `--page` writes: the tables of the two pages on performance, each between its marks, and the chart. Only a run
// at full size on a machine with nothing else to do should be written down.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { chart } from './chart.mjs';
import { cells } from './rows.mjs';
import { show } from './stats.mjs';

const FOR_USERS = 'performance.md';
const FOR_MAINTAINERS = 'internals/performance.md';

/** The rows that a user plans with, in plain words. */
const EXPECTED = {
  'accept-bulk': 'runs accepted, a thousand a call',
  'accept-100': 'runs accepted, a hundred calls at once',
  'accept-1': 'runs accepted, one call after the other',
  drain: 'runs of a `shared` job worked off',
  process: 'runs of a job with a process of its own, 4 workers',
  commands: 'command jobs, 4 workers',
  'start-p50': 'from the call to the first line of the job, half of the calls',
  'late-p50': 'after the time that a run was due, half of the runs',
  list: '`jobrun list`, with a daemon',
  'idle-cpu': 'an idle daemon, share of a core',
  'memory-empty': 'memory of a daemon without runs',
  'memory-waiting': 'memory with 1,000,000 runs waiting, after a start',
  'memory-settled': 'memory with 1,000,000 runs settled',
  'start-waiting': 'start with 1,000,000 runs waiting, beyond an empty one',
};

/**
 * Writes the tables of a full run, or of one with `--peers`, `--web` or `--engine postgres` into the pages in `docs`.
 */
export function writePage(kind, rows, machine, docs) {
  for (const [file, mark, text] of PAGES[kind](rows)) {
    const path = join(docs, file);
    const told = `${whenAndWhere(machine)}\n\n${text}`;
    writeFileSync(path, placed(readFileSync(path, 'utf8'), mark, told));
  }
  if (kind === 'peers') writeFileSync(join(docs, 'performance.svg'), chart(beside(rows)));
}

const PAGES = {
  full: (rows) => [
    [FOR_USERS, 'expected', expectedTable(rows)],
    [FOR_MAINTAINERS, 'bench', fullTable(rows)],
  ],
  peers: (rows) => [[FOR_USERS, 'peers', peersTable(beside(rows))]],
  web: (rows) => [[FOR_MAINTAINERS, 'web', fullTable(rows)]],
  store: (rows) => [[FOR_MAINTAINERS, 'store', fullTable(rows)]],
};

/** The page with this text between the two marks. */
function placed(page, mark, text) {
  const [begin, end] = [`<!-- ${mark} -->`, `<!-- /${mark} -->`];
  const from = page.indexOf(begin);
  const to = page.indexOf(end);
  if (from < 0 || to < from) throw new Error(`the page has no place for "${mark}"`);
  return `${page.slice(0, from + begin.length)}\n${text}\n${page.slice(to)}`;
}

function whenAndWhere(machine) {
  return `Measured ${new Date().toISOString().slice(0, 10)} on ${machine}.`;
}

const markdown = (head, rule, lines) =>
  [head, rule, ...lines].map((line) => `| ${line.join(' | ')} |`).join('\n');

const expectedTable = (rows) =>
  markdown(
    ['what', 'figure'],
    ['---', '--:'],
    Object.entries(EXPECTED).flatMap(([id, what]) => {
      const found = rows.find((row) => row.id === id);
      return found ? [[what, show(found.figure, found.unit)]] : [];
    }),
  );

const fullTable = (rows) =>
  markdown(
    ['what', 'figure', 'limit', 'ratio', 'target', 'reached'],
    ['---', '---', '---', '---', '---', '---'],
    rows.map(cells),
  );

/** Per kind of work: the rate of jobrun, then that of each peer. */
function beside(rows) {
  const work = new Map();
  for (const { what, figure, limit, limitName } of rows) {
    const rates = work.get(what) ?? [{ name: 'jobrun', rate: figure }];
    work.set(what, [...rates, { name: limitName, rate: limit }]);
  }
  return [...work].map(([what, rates]) => ({ what, rates }));
}

function peersTable(work) {
  const names = work[0]?.rates.map(({ name }) => name) ?? [];
  return markdown(
    ['runs a second', ...names],
    ['---', ...names.map(() => '--:')],
    work.map(({ what, rates }) => [what, ...rates.map(({ rate }) => show(rate))]),
  );
}
