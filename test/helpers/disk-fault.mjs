// Loaded into a real daemon before its own code (`node --import`): makes its disk fail or slow below one folder, as a
// control file says at each moment. Nothing of it is in the product. What it gets: JOBRUN_TEST_DISK = {"state",
// "control"}; the control file holds {"id", "faults": [{"kind", "n", "errno", "forever"}], "syncMs", "short"}: the n-th
// operation of a kind since the id is new fails, `short` writes take only a part of what they are given; the monotonic
// clock goes `aheadMs` ahead with the next operation.
import plain, { readFileSync } from 'node:fs';
import fs from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { sep } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const { state, control } = JSON.parse(process.env.JOBRUN_TEST_DISK ?? '{}');
// The workers inherit the environment; their disk is well.
delete process.env.JOBRUN_TEST_DISK;

const { open, rename, unlink } = fs;
const { writeSync } = plain;
const ours = new Map();
let id = null;
let counts = {};
let aheadMs = 0;
const { hrtime } = process;
process.hrtime = Object.assign(() => {
  const [seconds, nanoseconds] = hrtime();
  return [seconds + aheadMs / 1000, nanoseconds];
}, hrtime);

function told() {
  const now = JSON.parse(readFileSync(control, 'utf8'));
  if (now.id !== id) counts = {};
  id = now.id;
  aheadMs = Math.max(aheadMs, now.aheadMs ?? 0);
  return now;
}

const isInside = (path) => typeof path === 'string' && `${path}${sep}`.startsWith(`${state}${sep}`);

function pass(kind) {
  const { faults = [] } = told();
  const n = counts[kind] ?? 0;
  counts[kind] = n + 1;
  const hit = faults.find((f) => f.kind === kind && (f.forever ? n >= f.n : n === f.n));
  if (!hit) return;
  writeSync(2, `fault of the test: ${kind}\n`);
  throw Object.assign(new Error(`${hit.errno}: simulated, ${kind}`), { code: hit.errno });
}

fs.open = async (path, ...rest) => {
  const inside = isInside(path);
  if (inside && /^[aw]x$/.test(rest[0])) pass('create');
  const handle = await open(path, ...rest);
  if (inside) ours.set(handle.fd, handle);
  return handle;
};
fs.rename = async (from, to) => {
  if (isInside(to)) pass('rename');
  return rename(from, to);
};
fs.unlink = async (path) => {
  if (isInside(path)) pass('remove');
  return unlink(path);
};

/** How many of these bytes are taken. */
const taken = (length) => (told().short ? Math.max(1, length >> 1) : length);

plain.writeSync = (fd, bytes, offset = 0, length = bytes.length - offset, ...rest) => {
  if (!ours.has(fd)) return writeSync(fd, bytes, offset, length, ...rest);
  pass('write');
  return writeSync(fd, bytes, offset, taken(length), ...rest);
};
syncBuiltinESMExports();

const any = await open('/dev/null');
const file = Object.getPrototypeOf(any);
await any.close();
const { write, datasync, sync, close } = file;
file.write = async function (bytes, offset = 0, length = bytes.length - offset, ...rest) {
  if (ours.get(this.fd) !== this) return write.call(this, bytes, offset, length, ...rest);
  pass('write');
  return write.call(this, bytes, offset, taken(length), ...rest);
};
file.datasync = async function () {
  if (ours.get(this.fd) === this) {
    const { syncMs } = told();
    if (syncMs) await sleep(syncMs);
    pass('sync');
  }
  return datasync.call(this);
};
file.sync = async function () {
  if (ours.get(this.fd) === this) pass('syncFolder');
  return sync.call(this);
};
file.close = function () {
  if (ours.get(this.fd) === this) ours.delete(this.fd);
  return close.call(this);
};
