// `npm run bench -- --web`: requests over HTTP beside those of the library, and the page in a real browser, with a
// million runs. It needs Debian's chromium.
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { processMs } from '../limits/processes.mjs';
import { row } from '../rows.mjs';
import { BIN, inFlight, payload, Site } from '../site.mjs';
import { inTurn, median, nowMs } from '../stats.mjs';
import { cpuMs } from '../store/cpu.mjs';
import { Browser } from './browser.mjs';

/** So many browsers look at once. */
const PAGES = 100;

const TALK = `export default { run: () => {
  for (let n = 0; n < 95_000; n++) console.log(n + ' ' + 'x'.repeat(40));
} };\n`;

class WebSite extends Site {
  address = '';
  #key = '';
  #agent = new Agent({ keepAlive: true, maxSockets: PAGES });

  constructor() {
    super('web', { http: '127.0.0.1:0' });
    writeFileSync(join(this.dir, 'jobs', 'talk.mjs'), TALK);
  }

  async open() {
    await this.start();
    const told = execFileSync(process.execPath, [BIN, '--dir', this.dir, 'web', '--print']);
    [this.address, this.#key] = told.toString().trim().split('#key=');
    return this;
  }

  /** The address of a page, with its key. */
  page(path) {
    return `${this.address}${path}#key=${this.#key}`;
  }

  post(params) {
    const body = JSON.stringify({ job: 'shared', params });
    return this.#ask('POST', 'runs', body, (response, done) => {
      response.on('end', () => done(response.statusCode)).resume();
    });
  }

  /** Resolves once the stream has begun, with what closes it. */
  stream() {
    return this.#ask('GET', 'changes', '', (response, done) => {
      response.on('error', () => undefined).resume();
      done(() => response.destroy());
    });
  }

  #ask(method, path, body, answered) {
    const { promise, resolve, reject } = Promise.withResolvers?.() ?? deferred();
    const headers = {
      authorization: `Bearer ${this.#key}`,
      ...(body !== '' && { 'content-type': 'application/json' }),
    };
    const agent = method === 'GET' ? undefined : this.#agent;
    request(`${this.address}api/v1/${path}`, { method, headers, agent }, (response) => {
      if (response.statusCode >= 300)
        reject(new Error(`${method} ${path}: ${response.statusCode}`));
      else answered(response, resolve);
    })
      .on('error', reject)
      .end(body);
    return promise;
  }
}

function deferred() {
  const parts = {};
  parts.promise = new Promise((resolve, reject) => Object.assign(parts, { resolve, reject }));
  return parts;
}

async function requests(site, { rounds, scale }) {
  const rate = (most, count, one) => async () => {
    const total = Math.max(most, count * scale);
    const begin = nowMs();
    await inFlight(
      most,
      Array.from({ length: total }, (_, n) => n),
      one,
    );
    return (total / (nowMs() - begin)) * 1000;
  };
  const library = (n) => site.client.schedule('shared', payload(n));
  const http = (n) => site.post(payload(n));
  const taken = await inTurn(rounds, {
    'http-100': rate(100, 10_000, http),
    'library-100': rate(100, 10_000, library),
    'http-1': rate(1, 1000, http),
    'library-1': rate(1, 1000, library),
  });
  const line = (n, what) =>
    row({
      ...{ id: `http-${n}`, what, figure: taken[`http-${n}`], unit: '/s' },
      ...{ limit: taken[`library-${n}`], limitName: 'the library' },
    });
  return [line(100, 'accept over HTTP, 100 in flight'), line(1, 'accept over HTTP, one at a time')];
}

/** What pages cost that only look: the daemon's share of a core, and what they add to a command. */
async function watched(site, { rounds, scale }) {
  const status = () => processMs([BIN, '--dir', site.dir, 'status']);
  const turns = 3 * rounds;
  const alone = await inTurn(turns, { status });
  const ends = [];
  for (let n = 0; n < PAGES; n++) ends.push(await site.stream());
  await sleep(2000 * scale);
  const [before, begin] = [cpuMs(site.pid), nowMs()];
  await sleep(20_000 * scale);
  const share = ((cpuMs(site.pid) - before) / (nowMs() - begin)) * 100;
  const beside = await inTurn(turns, { status });
  for (const end of ends) end();
  const longer = Math.max(0, beside.status - alone.status);
  const what = `${PAGES} pages open`;
  return [
    row({
      id: 'watched',
      what: `${what}, share of a core`,
      figure: share,
      unit: '%',
      target: { most: 10 },
    }),
    row({
      ...{ id: 'watched-status', what: `${what}, added to \`jobrun status\``, figure: longer },
      ...{ unit: 'ms', target: { most: 50 } },
    }),
  ];
}

async function page(site, { rounds, million }) {
  const browser = await Browser.open();
  const runs = million.toLocaleString('en-US');
  const taken = { paint: [], list: [], first: [], only: [], log: [], memory: [] };
  const [{ id }] = (await site.client.list({ job: 'talk' })).runs;
  for (let round = 0; round < rounds; round++) {
    await browser.visit(site.page(''), async (tab) => {
      taken.list.push(await tab.shown('tbody tr'));
      taken.paint.push(await tab.firstPaint());
      taken.first.push(await tab.filtered('param:n=777', 'tbody tr', /shared/));
      taken.only.push(await tab.filtered('param:city=Berlin', 'tbody tr', /#1\b|Berlin|shared/));
    });
    await browser.visit(site.page(`runs/${id}`), async (tab) => {
      taken.log.push(await tab.shown('[role=log]', /94999 /));
      taken.memory.push(await browser.pageMemory());
    });
  }
  await browser.close();
  const line = (name, what, unit, most) =>
    row({ id: `page-${name}`, what, figure: median(taken[name]), unit, target: { most } });
  return [
    line('paint', `page with ${runs} runs: first paint`, 'ms', 300),
    line('list', `page with ${runs} runs: list`, 'ms', 500),
    line('first', 'filter by a param: first matches', 'ms', 1000),
    line('only', `filter by a param: one match among ${runs} runs, the oldest`, 'ms'),
    line('log', 'log of 10 MB: its end is shown', 'ms', 1000),
    line('memory', 'log of 10 MB: memory of the page', 'MB', 150),
  ];
}

export async function web(options) {
  const site = await new WebSite().open();
  const { client } = site;
  await client.schedule('shared', { city: 'Berlin' });
  await client.schedule('talk', {});
  await site.allSettled();
  await client.pause('shared');
  const rows = await requests(site, options);
  await site.fill('shared', options.million);
  rows.push(...(await watched(site, options)), ...(await page(site, options)));
  await site.stop();
  site.remove();
  return rows;
}
