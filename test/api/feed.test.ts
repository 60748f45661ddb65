// The feed: each reader gets every event or is told of a gap, and none holds up another.
import { expect, test } from 'vitest';
import { eventBytes, Feed } from '../../src/api/feed.ts';
import { MAX_EVENT_BYTES, MAX_EVENTS_KEPT, MB } from '../../src/support/limits.ts';

interface Event {
  readonly n: number;
}

const feedOf = (bytes = 0, last = 0): Feed<Event> => new Feed<Event>(() => bytes, last);

const publish = (feed: Feed<Event>, from: number, to: number): void => {
  for (let n = from; n <= to; n++) feed.publish({ n });
};

async function take(items: AsyncIterable<unknown>, many: number): Promise<unknown[]> {
  const taken: unknown[] = [];
  for await (const item of items) if (taken.push(item) === many) break;
  return taken;
}

const never = (): AbortSignal => new AbortController().signal;

test('a reader gets what is published after it began', async () => {
  const feed = feedOf();
  publish(feed, 1, 3);
  const reading = take(feed.read(null, never()), 2);
  publish(feed, 4, 5);
  expect(await reading).toEqual([{ n: 4 }, { n: 5 }]);
});

test('a reader that names the last it has seen gets all that came since, without a gap', async () => {
  const feed = feedOf();
  publish(feed, 1, 5);
  const reading = take(feed.read(3, never()), 4);
  publish(feed, 6, 7);
  expect(await reading).toEqual([{ n: 4 }, { n: 5 }, { n: 6 }, { n: 7 }]);
});

test('what is no longer kept is told as a gap', async () => {
  const feed = feedOf();
  publish(feed, 1, MAX_EVENTS_KEPT + 10);
  expect(await take(feed.read(2, never()), 2)).toEqual([{ type: 'gap' }, { n: 11 }]);
  expect(await take(feed.read(10, never()), 1)).toEqual([{ n: 11 }]);
});

test('of large events fewer are kept: what they hold together is bounded, for each reader too', async () => {
  const feed = feedOf(Math.floor(MAX_EVENT_BYTES / 50));
  const slow = feed.read(null, never())[Symbol.asyncIterator]();
  const first = slow.next();
  publish(feed, 1, 1);
  expect((await first).value).toEqual({ n: 1 });
  publish(feed, 2, 12_345);
  const kept = await take(feed.read(0, never()), 51);
  expect(kept.slice(0, 2)).toEqual([{ type: 'gap' }, { n: 12_296 }]);
  expect((await slow.next()).value).toEqual({ type: 'gap' });
  expect(((await slow.next()).value as Event).n).toBeGreaterThan(12_290);
  await slow.return?.(undefined);
  expect(await take(feed.read(12_344, never()), 1)).toEqual([{ n: 12_345 }]);
});

test('in a small heap events take a part of it, and of a large one no more than they need', async () => {
  expect(eventBytes(72 * MB)).toBeLessThan(10 * MB);
  expect(eventBytes(8000 * MB)).toBe(MAX_EVENT_BYTES);
  const feed = new Feed<Event>(() => MB, 0, eventBytes(72 * MB));
  publish(feed, 1, 100);
  expect(await take(feed.read(0, never()), 2)).toEqual([{ type: 'gap' }, { n: 92 }]);
});

test('a feed that begins after a restart tells a gap to who missed something, and to nobody else', async () => {
  const feed = feedOf(0, 5000);
  expect(feed.last).toBe(5000);
  const reading = take(feed.read(1200, never()), 2);
  const upToDate = take(feed.read(5000, never()), 1);
  publish(feed, 5001, 5001);
  expect(await reading).toEqual([{ type: 'gap' }, { n: 5001 }]);
  expect(await upToDate).toEqual([{ n: 5001 }]);
  expect(await take(feed.read(1200, never()), 2)).toEqual([{ type: 'gap' }, { n: 5001 }]);
});

test('a reader that is too slow is told of a gap and goes on; the others get everything', async () => {
  const feed = feedOf();
  const slow = feed.read(null, never())[Symbol.asyncIterator]();
  const first = slow.next();
  publish(feed, 1, 1);
  expect((await first).value).toEqual({ n: 1 });
  const quick = take(feed.read(null, never()), 4000);
  publish(feed, 2, 4001);
  expect(await quick).toHaveLength(4000);
  publish(feed, 4002, 20_000);
  expect((await slow.next()).value).toEqual({ type: 'gap' });
  const next = (await slow.next()).value as Event;
  expect(next.n).toBeGreaterThan(5000);
  await slow.return?.(undefined);
});

test('the signal ends a reader that waits', async () => {
  const feed = feedOf();
  const controller = new AbortController();
  const reading = take(feed.read(null, controller.signal), 1);
  controller.abort();
  expect(await reading).toEqual([]);
});
