// What is told must not vanish again: after a look at the state this waits until all of it is on the disk. Where the
// disk refused a part, that part is taken back by then, and it is looked anew: a disk that takes nothing keeps nobody
// from reading.
import type { Engine } from '../engine/engine.ts';

/** A disk that fails for a moment fails more than once; one that fails for good has nothing under way in the end. */
const MOST_LOOKS = 5;

export async function durably<T>(
  engine: Pick<Engine, 'durable'>,
  look: () => Promise<T>,
): Promise<T> {
  for (let looks = 1; ; looks++) {
    const seen = await look();
    if ((await isKept(engine)) || looks === MOST_LOOKS) return seen;
  }
}

const isKept = (engine: Pick<Engine, 'durable'>): Promise<boolean> =>
  engine.durable().then(
    () => true,
    () => false,
  );
