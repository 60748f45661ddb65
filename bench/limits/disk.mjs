// What the disk and plain Node allow: nothing but records appended to a file and synced.
import { closeSync, fdatasync, fdatasyncSync, openSync, write, writeSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { payload, scratch } from '../site.mjs';
import { nowMs } from '../stats.mjs';

const writeAsync = promisify(write);
const syncAsync = promisify(fdatasync);

/** What jobrun writes down of an accepted run. */
export const record = (id) => {
  const now = Date.now();
  return {
    id,
    job: 'shared',
    params: payload(id),
    priority: 1,
    createdAt: now,
    state: { name: 'queued', dueAt: now },
    origin: null,
    life: null,
  };
};

/** Appends one record and syncs it, one after the other: records a second. */
export function appendOneByOne(count) {
  const file = openSync(join(scratch('append'), 'file'), 'w');
  const begin = nowMs();
  for (let id = 0; id < count; id++) {
    writeSync(file, `${JSON.stringify(record(id))}\n`);
    fdatasyncSync(file);
  }
  const ms = nowMs() - begin;
  closeSync(file);
  return (count / ms) * 1000;
}

/**
 * Group commit: so many writers, each with the next record as soon as its last one is durable; whatever is ready
 * while a sync runs goes into the next. `records` a write where each writer brings many. Records a second.
 */
export async function groupCommit({ writers, count, records = 1 }) {
  const file = openSync(join(scratch('group'), 'file'), 'w');
  let waiting = [];
  let done = 0;
  let id = 0;
  const join1 = () =>
    new Promise((resolve) => {
      const lines = Array.from({ length: records }, () => JSON.stringify(record(id++)));
      waiting.push({ text: `${lines.join('\n')}\n`, resolve });
    });
  const writer = async () => {
    while (done < count) {
      await join1();
      done += records;
    }
  };
  const begin = nowMs();
  const all = Array.from({ length: writers }, writer);
  while (waiting.length > 0) {
    const batch = waiting;
    waiting = [];
    await writeAsync(file, batch.map(({ text }) => text).join(''));
    await syncAsync(file);
    for (const { resolve } of batch) resolve();
    await new Promise(setImmediate);
  }
  await Promise.all(all);
  const ms = nowMs() - begin;
  closeSync(file);
  return (done / ms) * 1000;
}
