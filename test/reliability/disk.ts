// Disks that are full, fail, are slow, or are taken away under a real daemon: what was answered with success is there
// after a kill and a restart, what was refused says why (exit 8), and reading goes on.
import { spawnSync } from 'node:child_process';
import { mkdirSync, renameSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Client } from '../../src/api/client.ts';
import { errorFromShape, exitCodeOf, JobrunError } from '../../src/support/errors.ts';
import type { Experiment, Row, Size } from '../helpers/experiment.ts';
import { type Doc, Rig, type Running, until } from '../helpers/rig.ts';

type Log = (text: string) => void;

const PRELOAD = pathToFileURL(fileURLToPath(new URL('../helpers/disk-fault.mjs', import.meta.url)));
const JOBS = {
  'jobs/quick.js': 'export default async () => "done";\n',
  'jobs/talks.js': `export default (_, ctx) => { ctx.log.info('one line'); return 'done'; };\n`,
  'jobs/gated.js': `import { existsSync } from 'node:fs';
export default async (params, ctx) => { while (!existsSync(params.gate)) await ctx.sleep(50); return 'past'; };\n`,
  'jobs/fresh.js': `export default { isolation: 'fresh', run: () => 'done' };\n`,
  'jobs/told.js': `export default { timeout: 300, run: (_, ctx) => ctx.sleep('1h'),
  onError: () => 'dismiss', onFailed: () => undefined };\n`,
};

export default {
  title: 'Disks that fail',
  run: async (size, log) => {
    const rows: Row[] = [];
    for (const part of [full, failing, readOnly, unrecorded, slow, fewFiles, takenAway]) {
      const lab = new Lab(log);
      try {
        rows.push(...(await part(lab, size)));
      } finally {
        await lab.close();
      }
    }
    return rows;
  },
} satisfies Experiment;

/** A project on a disk of its own or on one that fails as it is told, with a book of what was answered. */
class Lab {
  readonly rig = new Rig(JOBS);
  readonly control = join(this.rig.home, 'disk.json');
  readonly accepted = new Set<string>();
  client: Client | null = null;
  daemon: Running | null = null;
  readonly #log: Log;
  #mounted = false;
  #ids = 0;

  constructor(log: Log) {
    this.#log = log;
    this.tell({});
  }

  /** What the disk does from now on. */
  tell(what: object): void {
    const next = `${this.control}.next`;
    writeFileSync(next, JSON.stringify({ id: ++this.#ids, ...what }));
    renameSync(next, this.control);
  }

  say(text: string): void {
    this.#log(text);
  }

  wrong(text: string): number {
    this.#log(`WRONG: ${text}`);
    return 1;
  }

  /** False where this user may not mount. */
  mount(options: string): boolean {
    mkdirSync(this.rig.state, { mode: 0o700 });
    const args = ['-t', 'tmpfs', '-o', `mode=0700,${options}`, 'tmpfs', this.rig.state];
    this.#mounted = spawnSync('mount', args).status === 0;
    return this.#mounted;
  }

  async start(faulty = true): Promise<void> {
    const env = {
      JOBRUN_TEST_DISK: JSON.stringify({ state: this.rig.state, control: this.control }),
    };
    const flags = faulty ? ['--import', PRELOAD.href] : [];
    this.daemon = this.rig.start(['daemon', '--no-watch'], { flags, env });
    this.client = await this.rig.connect(this.daemon);
    if (!this.client) throw new Error(`the daemon ended: ${this.daemon.said()}`);
  }

  /** Asks for a run; its id, or the error. */
  async ask(job: string, params: object = {}, more: object = {}): Promise<string | JobrunError> {
    try {
      const run = { job, params, ...more };
      const reply = (await this.client?.call('schedule', run as Doc)) as Doc;
      const { id } = reply.run;
      this.accepted.add(id);
      return id;
    } catch (error) {
      return error instanceof JobrunError ? error : errorFromShape(error as Doc);
    }
  }

  /** Asks until a run is refused. */
  async refused(): Promise<JobrunError> {
    for (const end = performance.now() + 20_000; performance.now() < end; ) {
      const answer = await this.ask('quick');
      if (isRefusal(answer)) return answer;
    }
    throw new Error('nothing is refused');
  }

  /** Gives a run other params; the same answers. */
  async enlarge(id: string, pad: string): Promise<string | JobrunError> {
    try {
      const changes = { params: { pad }, merge: false };
      await this.client?.call('update', { id, priority: 1, ...changes } as Doc);
      return id;
    } catch (error) {
      return error instanceof JobrunError ? error : errorFromShape(error as Doc);
    }
  }

  /** How often the daemon, or its disk, has said something. */
  heard(text: string): number {
    return (this.daemon?.said().split(text).length ?? 1) - 1;
  }

  async show(id: string): Promise<Doc> {
    return this.client?.call('show', { id });
  }

  /** `kill -9`, a start on a disk that is well, and a look whether all that was answered is there. */
  async killAndCount(): Promise<number> {
    this.client?.close();
    this.daemon?.process.kill('SIGKILL');
    await this.daemon?.exited;
    this.tell({});
    await this.start();
    const missing: string[] = [];
    for (const id of this.accepted) if (!(await this.show(id).catch(() => null))) missing.push(id);
    if (missing.length > 0) this.wrong(`gone: ${missing.join(', ')}`);
    return missing.length;
  }

  async close(): Promise<void> {
    this.client?.close();
    this.daemon?.process.kill('SIGKILL');
    await this.daemon?.exited;
    if (this.#mounted) spawnSync('umount', ['-l', this.rig.state]);
    await this.rig.close();
  }
}

const isRefusal = (answer: string | JobrunError): answer is JobrunError =>
  typeof answer !== 'string';

/** Full to the last byte, or the last name; then there is room again, without a restart. */
async function full(lab: Lab): Promise<Row[]> {
  if (!lab.mount('size=8m')) {
    lab.say('this user may not mount: the full disk is one that says so');
    return [await fullOf(lab, 'a disk that says it is full', (is) => fault(lab, is))];
  }
  const byBytes = await fullOf(lab, 'a full disk (tmpfs of 8 MB)', (is) => fillBytes(lab, is));
  return [byBytes, ...(await fullNames(lab))];
}

const fault = (lab: Lab, is: boolean): void =>
  lab.tell(is ? { faults: [{ kind: 'write', n: 1, errno: 'ENOSPC', forever: true }] } : {});

function fillBytes({ rig }: Lab, is: boolean): void {
  const path = join(rig.state, 'filler');
  rmSync(path, { force: true });
  if (is) spawnSync('dd', ['if=/dev/zero', `of=${path}`, 'bs=4096'], { stdio: 'ignore' });
}

async function fullNames(before: Lab): Promise<Row[]> {
  const lab = new Lab((text) => before.say(text));
  try {
    if (!lab.mount('size=64m,nr_inodes=64')) return [];
    await lab.start();
    await lab.ask('quick');
    const left = statfsSync(lab.rig.state).ffree;
    for (let i = 0; i < left; i++) writeFileSync(join(lab.rig.state, `logs/filler-${i}`), '');
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => lab.ask('quick', {}, { inMs: 86_400_000 })),
    );
    const talks = await lab.ask('talks');
    if (!isRefusal(talks))
      await until(async () => (await lab.show(talks)).state === 'done', 'it is done all the same');
    const large = answers.find((answer) => !isRefusal(answer));
    if (large !== undefined) answers.push(...(await fillSegment(lab, String(large))));
    const refused = answers.filter(isRefusal);
    const listed = await lab.rig.cli('list');
    const failed = lab.heard('ENOSPC');
    let lost = failed < 2 ? lab.wrong(`only ${failed} operations failed`) : 0;
    lost += refused.some(({ code }) => exitCodeOf(code) !== 8) ? lab.wrong('not exit 8') : 0;
    if (listed.code !== 0) lost += lab.wrong(`list ends with ${listed.code}`);
    for (let i = 0; i < left; i++) rmSync(join(lab.rig.state, `logs/filler-${i}`), { force: true });
    await until(async () => !isRefusal(await lab.ask('quick')), 'there is room again');
    lost += await lab.killAndCount();
    const detail = `${failed} failures told, ${refused.length} of ${answers.length} changes refused`;
    return [{ what: 'no inode left, and room again without a restart', times: 1, lost, detail }];
  } finally {
    await lab.close();
  }
}

async function fullOf(lab: Lab, what: string, fill: (is: boolean) => void): Promise<Row> {
  const gate = join(lab.rig.home, 'gate');
  await lab.start();
  const running = String(await lab.ask('gated', { gate }));
  await until(async () => (await lab.show(running)).state === 'running', 'it runs');
  fill(true);
  let lost = 0;
  const refused = await lab.refused();
  if (exitCodeOf(refused.code) !== 8 || refused.code !== 'disk-full')
    lost += lab.wrong(`refused with ${String(refused)}`);
  const listed = await lab.rig.cli('list');
  if (listed.code !== 0) lost += lab.wrong(`list ends with ${listed.code}: ${listed.said}`);
  writeFileSync(gate, '');
  const real = what.includes('tmpfs');
  const settled = async (): Promise<boolean> => (await lab.show(running)).state === 'done';
  if (real) await until(settled, 'a result is recorded on a full disk', 20_000);
  const begin = performance.now();
  fill(false);
  await until(async () => !isRefusal(await lab.ask('quick')), 'there is room again', 20_000);
  const backMs = Math.round(performance.now() - begin);
  await until(settled, 'the result is recorded', 20_000);
  lost += await lab.killAndCount();
  const detail = `${real ? 'result recorded while full; ' : ''}accepts again after ${backMs} ms`;
  return { what: `${what}, and room again without a restart`, times: 1, lost, detail };
}

const KINDS = ['write', 'sync', 'rename', 'syncFolder', 'create', 'remove'] as const;
const ERRNOS = ['EIO', 'ENOSPC', 'EROFS', 'EDQUOT', 'EMFILE'] as const;

/** Each kind of operation fails at its n-th time, once and from then on; now and then the daemon is killed. */
async function failing(lab: Lab, size: Size): Promise<Row[]> {
  await lab.start();
  const rows: Row[] = [];
  const large = String(await lab.ask('quick', {}, { inMs: 86_400_000 }));
  // The others are tried in each of their places by the tests of the engine.
  for (const kind of size === 'full' ? KINDS : KINDS.slice(0, 3)) {
    let [times, lost, refused] = [0, 0, 0];
    // What happens once a segment is full: files are created, synced, renamed and removed.
    const folds = !['write', 'sync'].includes(kind);
    const most = size === 'quick' ? (folds ? 1 : 2) : folds ? 6 : 20;
    for (const errno of ERRNOS.slice(0, size === 'quick' ? 1 : folds ? 2 : ERRNOS.length))
      for (let n = 0; n < most; n++)
        for (const forever of size === 'quick' ? [folds] : [false, true]) {
          times++;
          lab.tell({ faults: [{ kind, n, errno, forever }] });
          const answers = [];
          if (folds) answers.push(...(await fillSegment(lab, large)));
          for (let i = 0; i < 3; i++)
            answers.push(...(await Promise.all([lab.ask('quick'), lab.ask('quick')])));
          const bad = answers.filter(isRefusal);
          refused += bad.length;
          const odd = bad.find(({ code }) => exitCodeOf(code) !== 8);
          if (odd) lost += lab.wrong(`${kind} ${n} ${errno}: ${odd.code}: ${odd.message}`);
          if ((await lab.client?.call('list', { limit: 1 }).catch(() => null)) === null)
            lost += lab.wrong(`${kind} ${n} ${errno}: list is refused`);
          lab.tell({});
        }
    const failed = lab.heard(`fault of the test: ${kind}`);
    // Each of these starts is one after a kill as well.
    if (size === 'full') lost += await lab.killAndCount();
    lost += await failingStarts(lab, kind, size);
    rows.push({
      what: `the n-th ${kind} fails, once and for good`,
      times,
      lost,
      detail: `${failed} operations failed, ${refused} changes refused`,
    });
  }
  lab.tell({ short: true });
  const short = await Promise.all(Array.from({ length: 20 }, () => lab.ask('quick')));
  const lost = short.filter(isRefusal).length + (await lab.killAndCount());
  rows.push({ what: 'each write takes only a half', times: 20, lost });
  return rows;
}

/** More than a segment of the journal holds: the state is folded meanwhile. */
async function fillSegment(lab: Lab, id: string): Promise<(string | JobrunError)[]> {
  const answers: (string | JobrunError)[] = [];
  for (let i = 0; i < 9; i++) answers.push(await lab.enlarge(id, `${i % 10}`.repeat(1_000_000)));
  return answers;
}

/** Every operation says that the file system is read-only, as after an error of the medium; then it is mounted anew. */
async function readOnly(lab: Lab, size: Size): Promise<Row[]> {
  const times = size === 'full' ? 10 : 1;
  let lost = 0;
  await lab.start();
  for (let i = 0; i < times; i++) {
    const before = String(await lab.ask('quick'));
    const faults = KINDS.map((kind) => ({ kind, n: 0, errno: 'EROFS', forever: true }));
    lab.tell({ faults });
    const refused = await lab.refused();
    if (exitCodeOf(refused.code) !== 8) lost += lab.wrong(`refused with ${refused.code}`);
    if ((await lab.show(before)).id !== before) lost += lab.wrong('show is refused');
    const listed = await lab.rig.cli('list');
    if (listed.code !== 0) lost += lab.wrong(`list ends with ${listed.code}: ${listed.said}`);
    lab.tell({});
    await until(async () => !isRefusal(await lab.ask('quick')), 'it can be written to again');
  }
  lost += await lab.killAndCount();
  return [{ what: 'the disk becomes read-only, and writable again', times, lost }];
}

/** Results that cannot be written are kept in memory for a minute; then the daemon ends, and says why. */
async function unrecorded(lab: Lab): Promise<Row[]> {
  let lost = 0;
  const nothing = KINDS.map((kind) => ({ kind, n: 0, errno: 'EIO', forever: true }));
  const finish = async (name: string): Promise<string> => {
    const gate = join(lab.rig.home, name);
    const id = String(await lab.ask('gated', { gate }));
    await until(async () => (await lab.show(id)).state === 'running', 'it runs');
    lab.tell({ faults: nothing });
    const kept = 'a result could not be kept';
    const before = lab.heard(kept);
    writeFileSync(gate, '');
    await until(() => lab.heard(kept) > before, 'a result is kept in memory');
    return id;
  };
  await lab.start();
  const saved = await finish('soon');
  lab.tell({});
  await until(async () => (await lab.show(saved)).state === 'done', 'it is written');
  const twice = (await lab.show(saved)).attempts.length === 1 ? 0 : lab.wrong('it ran again');
  const repeated = await finish('late');
  lab.tell({ faults: nothing, aheadMs: 61_000 });
  const exited = await lab.daemon?.exited;
  if (exited?.code !== 74) lost += lab.wrong(`the daemon ends with ${exited?.code}`);
  if (!lab.daemon?.said().includes('results could not be written for a minute'))
    lost += lab.wrong(`it does not say why: ${lab.daemon?.said().slice(-500)}`);
  lost += await lab.killAndCount();
  const again = async (): Promise<boolean> => (await lab.show(repeated)).state === 'done';
  await until(again, 'the run whose result was lost is done again');
  const what = 'no result can be written for a minute: the daemon ends with 74 and says why';
  return [
    { what: 'a result waits in memory until the disk is back', times: 1, lost: twice },
    { what, times: 1, lost, detail: 'its run is started again, once there is a daemon' },
  ];
}

/** A start and its recovery meet the same faults. */
async function failingStarts(lab: Lab, kind: string, size: Size): Promise<number> {
  let lost = 0;
  for (let n = 0; n < (size === 'full' ? 8 : 1); n++) {
    lab.client?.close();
    lab.daemon?.process.kill('SIGKILL');
    await lab.daemon?.exited;
    lab.tell({ faults: [{ kind, n, errno: 'EIO' }] });
    try {
      await lab.start();
    } catch {
      const code = (await lab.daemon?.exited)?.code;
      if (code !== 74) lost += lab.wrong(`a start with ${kind} ${n} failing ends with ${code}`);
    }
    lost += await lab.killAndCount();
  }
  return lost;
}

/** A sync of 300 ms: requests that are under way at once share it. */
async function slow(lab: Lab, size: Size): Promise<Row[]> {
  await lab.start();
  lab.tell({ syncMs: 300 });
  const single = size === 'full' ? 10 : 3;
  let begin = performance.now();
  for (let i = 0; i < single; i++) await lab.ask('quick');
  const singleRate = single / (performance.now() - begin);
  const many = size === 'full' ? 2000 : 600;
  begin = performance.now();
  const answers = await Promise.all(Array.from({ length: many }, () => lab.ask('quick')));
  const factor = many / (performance.now() - begin) / singleRate;
  let lost = answers.filter(isRefusal).length;
  if (factor < 50) lost += lab.wrong(`only ${factor.toFixed(0)} times the single rate`);
  lab.tell({});
  lost += await lab.killAndCount();
  const detail = `${Math.round(factor)} times the rate of one at a time`;
  return [{ what: 'syncs of 300 ms, many requests at once', times: many, lost, detail }];
}

/** No file can be opened any more, for a while. */
async function fewFiles(lab: Lab): Promise<Row[]> {
  await lab.start(false);
  const limit = (files: string): boolean =>
    spawnSync('prlimit', ['--pid', String(lab.daemon?.pid), `--nofile=${files}`]).status === 0;
  const large = String(await lab.ask('quick', {}, { inMs: 86_400_000 }));
  const told = String(await lab.ask('told'));
  await until(async () => (await lab.show(told)).state === 'running', 'it runs');
  if (!limit('12:4096')) return [];
  const jobs = ['quick', 'fresh', 'told'];
  const asked = Array.from({ length: 24 }, (_, i) => lab.ask(jobs[i % 3] as string));
  const answers = await Promise.all(asked);
  answers.push(...(await fillSegment(lab, large)));
  const failed = lab.heard('EMFILE');
  limit('4096:4096');
  await until(async () => !isRefusal(await lab.ask('quick')), 'files can be opened again');
  const over = async (id: string): Promise<boolean> =>
    ['done', 'failed'].includes((await lab.show(id)).state);
  for (const id of [told, ...answers.slice(0, 24).filter((answer) => !isRefusal(answer))])
    await until(() => over(String(id)), `run ${id} is over`, 30_000);
  const alive = lab.daemon?.alive() === true;
  let lost = await lab.killAndCount();
  if (!alive) lost += lab.wrong('the daemon ended');
  const refused = answers.filter(isRefusal);
  const odd = refused.find(({ code }) => exitCodeOf(code) !== 8);
  if (odd) lost += lab.wrong(`refused with ${odd.code}`);
  const detail = `${failed} failures told, ${refused.length} of ${answers.length} changes refused`;
  return [{ what: 'too many open files, and enough again', times: 1, lost, detail }];
}

/** The folder is removed, or another one stands in its place. */
async function takenAway(lab: Lab, size: Size): Promise<Row[]> {
  const rows: Row[] = [];
  for (const how of ['removed', 'replaced'] as const) {
    const times = size === 'full' ? 10 : 1;
    let lost = 0;
    for (let i = 0; i < times; i++) {
      const one = new Lab((text) => lab.say(text));
      try {
        await one.start();
        await one.ask('quick');
        const away = `${one.rig.state}-away`;
        renameSync(one.rig.state, away);
        if (how === 'replaced') mkdirSync(one.rig.state, { mode: 0o700 });
        const last = await one.refused();
        if (one.daemon?.alive() && exitCodeOf(last.code) !== 8)
          lost += one.wrong(`refused with ${last.code}`);
        const exited = await one.daemon?.exited;
        if (exited?.code !== 8) lost += one.wrong(`the daemon ends with ${exited?.code}`);
        rmSync(one.rig.state, { recursive: true, force: true, maxRetries: 5 });
        renameSync(away, one.rig.state);
        lost += await one.killAndCount();
      } finally {
        await one.close();
      }
    }
    rows.push({ what: `the state folder is ${how} under the daemon, and comes back`, times, lost });
  }
  return rows;
}
