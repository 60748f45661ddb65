// What a damaged document proves: rot that happens to be JSON is not taken for the hand of a person.
import { expect, test } from 'vitest';
import { type Document, writeDocument } from '../../src/engine/json/document.ts';
import { salvageDocument } from '../../src/engine/json/repair/salvage-document.ts';
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
