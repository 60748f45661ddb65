// Loaded into a real daemon before its own code (`node --import`): counts its file operations below one folder by name,
// and at the one that it was told ends its own process as `kill -9` does, just before the operation. Nothing of it is
// in the product. What it gets: JOBRUN_TEST_POINTS = {"state", "trace", "kill": {"point", "nth"} | null}.
//
// A point is `<phase>: <verb> <what>`: phase is start, serving or stop; of a journal line, what says which changes
// stand in it. The first time that a point is passed it is written to the trace.
import plain, { appendFileSync } from 'node:fs';
import fs from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { Server } from 'node:net';
import { basename, dirname, sep } from 'node:path';

const { state, trace, kill } = JSON.parse(process.env.JOBRUN_TEST_POINTS ?? '{}');
// The workers inherit the environment; they are not to count.
delete process.env.JOBRUN_TEST_POINTS;

let phase = 'start';
const seen = new Map();
const lines = new WeakMap();
const paths = new WeakMap();
const handles = new Map();

process.on('SIGTERM', () => {
  phase = 'stop';
});
const listen = Server.prototype.listen;
Server.prototype.listen = function (...args) {
  this.once('listening', () => {
    phase = 'serving';
  });
  return listen.apply(this, args);
};

function pass(verb, what) {
  const point = `${phase}: ${verb} ${what}`;
  const count = (seen.get(point) ?? 0) + 1;
  seen.set(point, count);
  if (count === 1) appendFileSync(trace, `${point}\n`);
  if (kill?.point === point && kill.nth === count) process.kill(process.pid, 'SIGKILL');
}

/** Which part of the state a path is; null outside. */
function partOf(path) {
  if (typeof path !== 'string' || !`${path}${sep}`.startsWith(`${state}${sep}`)) return null;
  const [name, folder] = [basename(path), basename(dirname(path))];
  if (path === state) return 'state folder';
  if (folder === 'journal') return name.endsWith('.tmp') ? 'last segment anew' : 'segment';
  if (folder === 'runs') return 'page';
  if (folder === 'logs' || folder === 'aside') return folder;
  if (['runs', 'journal', 'logs', 'aside'].includes(name)) return `${name} folder`;
  return name.replace(/^\.|\.\d+\.\d+\.tmp$/g, '');
}

/** What a line of the journal holds: one word for each kind of change. */
function changesIn(bytes) {
  const json = JSON.parse(Buffer.from(bytes).toString().slice(9));
  return json.ops ? new Set(json.ops.map(changeOf)) : new Set(['header']);
}

function changeOf([kind, , patch, lease]) {
  if (kind === 'run') return 'accept';
  if (kind !== 'set') return kind === 'schedule' ? 'fire' : 'other';
  if (lease) return 'start';
  const name = patch.state?.name;
  if (name === 'done' || name === 'failed') return 'finish';
  if (name === 'aborted' || patch.life?.abort !== undefined) return 'abort';
  if (patch.life) return name ? 'take back' : 'save';
  return 'update';
}

function passFile(verb, handle) {
  const part = paths.get(handle);
  if (!part) return;
  if (part !== 'segment') return pass(verb, part);
  for (const change of lines.get(handle) ?? []) pass(verb, `line of ${change}`);
}

const { open, rename, unlink, mkdir } = fs;
fs.open = async (path, ...rest) => {
  const part = partOf(path);
  if (part && /^[aw]x$/.test(rest[0])) pass('create', part);
  const handle = await open(path, ...rest);
  if (part) {
    paths.set(handle, part);
    handles.set(handle.fd, handle);
  }
  return handle;
};
fs.rename = (from, to) => {
  if (partOf(to)) pass('rename', partOf(to));
  return rename(from, to);
};
fs.unlink = (path) => {
  if (partOf(path)) pass('remove', partOf(path));
  return unlink(path);
};
fs.mkdir = (path, ...rest) => {
  if (partOf(path)) pass('make', partOf(path));
  return mkdir(path, ...rest);
};
const { writeSync } = plain;
plain.writeSync = (fd, bytes, ...rest) => {
  passWrite(handles.get(fd), bytes);
  return writeSync(fd, bytes, ...rest);
};
syncBuiltinESMExports();

function passWrite(handle, bytes) {
  if (!handle) return;
  if (paths.get(handle) === 'segment') lines.set(handle, changesIn(bytes));
  passFile('write', handle);
}

const any = await open('/dev/null');
const file = Object.getPrototypeOf(any);
await any.close();
const { write, datasync, sync, close } = file;
file.write = function (bytes, ...rest) {
  passWrite(this, bytes);
  return write.call(this, bytes, ...rest);
};
file.close = function () {
  handles.delete(this.fd);
  return close.call(this);
};
file.datasync = async function () {
  passFile('sync', this);
  await datasync.call(this);
  // On the disk, and nobody was told of it yet.
  if (paths.get(this) === 'segment') passFile('answer', this);
};
file.sync = function () {
  passFile('sync', this);
  return sync.call(this);
};
