// What a damaged document proves: rot that happens to be JSON is not taken for the hand of a person.
import { expect, test } from 'vitest';
import { openFileEngine } from '../../src/engine/files/file-engine.ts';
import { inspectState, repairState } from '../../src/engine/files/whole-state.ts';
import { type Document, salvageDocument, writeDocument } from '../../src/store/document.ts';
import { DIR, handClock } from '../helpers/engine-session.ts';
import { draft, T0, worker } from '../helpers/engine-values.ts';
import { SimulatedDisk } from '../helpers/simulated-disk.ts';

const PATH = '/state/list.json';
type List = Document & { readonly list: readonly { readonly text: string }[] };

async function changed(change: (text: string) => string) {
  const disk = new SimulatedDisk().process();
  const list = [{ text: 'one' }, { text: 'two' }, { text: 'three' }];
  await writeDocument<List>(disk, PATH, { format: 1, seq: 1, list });
  const text = change(String(await disk.read(PATH)));
  const left = new SimulatedDisk(
    new Map([
      ['/state', null],
      [PATH, Buffer.from(text)],
    ]),
  );
  return salvageDocument<List>(left.process(), PATH, () => true);
}

test('an element that a hand has changed is taken as it is', async () => {
  const found = await changed((text) => text.replace('"two"', '"2"'));
  expect([found.proof, found.data?.list[1]]).toEqual(['edited', { text: '2' }]);
});

test('rot that makes one element of two, and JSON of both, proves only the others', async () => {
  const found = await changed((text) => text.replace('one"},\n{"text":"two', 'one,,,,,,,,,,two'));
  expect([found.proof, found.data, found.parts]).toEqual(['parts', null, [{ text: 'three' }]]);
});

test('three runs of one shared process keep their leases where the line of that process is lost', async () => {
  const clock = handClock();
  const disk = new SimulatedDisk();
  const { engine } = await openFileEngine({ disk: disk.process(), dir: DIR, clock });
  await engine.accept([draft(1), draft(2), draft(3)], T0);
  engine.members.putWorker(worker(1));
  await engine.claim({ workerKind: 'dedicated', most: 3 }, () => ({ mark: 'w1', pid: 1001 }), T0);
  await engine.fold();
  const before = await engine.members.leases();
  expect(before.map(({ run }) => run)).toEqual([1, 2, 3]);
  const path = `${DIR}/locks.json`;
  const files = new Map(disk.files());
  const text = String(files.get(path));
  const at = text.indexOf('"mark":"w1"', text.indexOf('"workers"'));
  files.set(path, Buffer.from(`${text.slice(0, at)}XXXXXXXX${text.slice(at + 8)}`));
  const rotten = new SimulatedDisk(files).process();
  const found = await inspectState(rotten, DIR, { ...clock, after: atOnce });
  await repairState({ disk: rotten, dir: DIR, clock }, found);
  const again = await openFileEngine({ disk: rotten, dir: DIR, clock });
  expect(again.damage).toEqual([]);
  expect(await again.engine.members.leases()).toEqual(before);
});

function atOnce(_ms: number, fn: () => void): () => void {
  const timer = setImmediate(fn);
  return () => clearImmediate(timer);
}
