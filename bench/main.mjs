// `npm run bench`: measures jobrun on this machine, each figure beside its limit taken in the same run.
//
//   npm run bench                     all of it, with a million runs: about ten minutes
//   npm run bench -- --quick          smaller, under two minutes; figures of a million runs are not judged
//   npm run bench -- --peers          the same work on BullMQ, pg-boss and graphile-worker, in turn with jobrun
//   npm run bench -- --engine postgres   jobrun on a store, in turn with pg-boss and graphile-worker on the same server
//   npm run bench -- --web            requests over HTTP, and the page in a browser with a million runs
//   npm run bench -- --page           and writes what was measured into the pages on performance (also with others)
//   npm run bench -- --only accept    only these groups (accept, shared, process, commands, latency, size, cli, idle)
import { writeFileSync } from 'node:fs';
import { cpus, loadavg, release, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { accept } from './measures/accept.mjs';
import { cli } from './measures/cli.mjs';
import { idle } from './measures/idle.mjs';
import { latency } from './measures/latency.mjs';
import { longestPauses } from './measures/pauses.mjs';
import { size } from './measures/size.mjs';
import { commands, shared, single } from './measures/work.mjs';
import { writePage } from './page.mjs';
import { table } from './rows.mjs';
import { show } from './stats.mjs';

const GROUPS = { accept, shared, process: single, commands, latency, cli, idle, size };

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    page: { type: 'boolean', default: false },
    peers: { type: 'boolean', default: false },
    web: { type: 'boolean', default: false },
    only: { type: 'string', multiple: true, default: [] },
    engine: { type: 'string', default: 'files' },
    docs: { type: 'string', default: fileURLToPath(new URL('../docs', import.meta.url)) },
    /** How large a part of the full work is done: for a look whether the bench itself is sound. */
    scale: { type: 'string' },
    out: { type: 'string', default: fileURLToPath(new URL('./results.json', import.meta.url)) },
  },
});
const scale = values.scale ? Number(values.scale) : values.quick ? 0.1 : 1;
const options = {
  scale,
  rounds: scale === 1 ? 5 : values.scale ? 1 : 3,
  million: Math.max(1000, 1_000_000 * scale * (scale === 1 ? 1 : 0.5)),
};

const wanted = Object.entries(GROUPS).filter(
  ([name]) => values.only.length === 0 || values.only.includes(name),
);
// Before the bench itself is the load.
const [load = 0] = loadavg();
const rows = [];
if (!['files', 'postgres'].includes(values.engine)) throw new Error('--engine files | postgres');
if (values.engine === 'postgres') {
  const { store } = await import('./store/store.mjs');
  rows.push(...(await store(options)));
} else if (values.web) {
  const { web } = await import('./web/web.mjs');
  rows.push(...(await web(options)));
} else if (values.peers) {
  const { peers } = await import('./peers/peers.mjs');
  rows.push(...(await peers(options)));
} else {
  for (const [name, measure] of [...wanted, ['pauses', longestPauses]]) {
    process.stderr.write(`${name} …\n`);
    rows.push(...(await measure(options)));
  }
}

const busy =
  load > cpus().length / 2 ? `, of which others took their part (load ${show(load)})` : '';
const part = scale === 1 ? '' : `, at ${scale} of the full size`;
const machine = `${cpus().length} x ${cpus()[0]?.model}, ${Math.round(totalmem() / 2 ** 30)} GB, Linux ${release()}, Node ${process.versions.node}${busy}${part}`;
console.log(`${table(rows)}\n\n${machine}`);
const kind =
  values.engine === 'postgres' ? 'store' : values.web ? 'web' : values.peers ? 'peers' : 'full';
if (values.page) writePage(kind, rows, machine, values.docs);
const result = { at: new Date().toISOString(), machine, ...options, rows };
writeFileSync(values.out, `${JSON.stringify(result, null, 2)}\n`);
