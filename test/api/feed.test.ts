// The feed: each reader gets every event or is told of a gap, and none holds up another.
import { expect, test } from 'vitest';
import { Feed } from '../../src/api/feed.ts';
import { MAX_EVENTS_KEPT } from '../../src/support/limits.ts';

interface Event {
  readonly n: number;
}

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
  const feed = new Feed<Event>();
  publish(feed, 1, 3);
  const reading = take(feed.read(null, never()), 2);
  publish(feed, 4, 5);
  expect(await reading).toEqual([{ n: 4 }, { n: 5 }]);
});

test('a reader that names the last it has seen gets all that came since, without a gap', async () => {
  const feed = new Feed<Event>();
  publish(feed, 1, 5);
  const reading = take(feed.read(3, never()), 4);
  publish(feed, 6, 7);
  expect(await reading).toEqual([{ n: 4 }, { n: 5 }, { n: 6 }, { n: 7 }]);
});

test('what is no longer kept is told as a gap', async () => {
  const feed = new Feed<Event>();
  publish(feed, 1, MAX_EVENTS_KEPT + 10);
  expect(await take(feed.read(2, never()), 2)).toEqual([{ gap: true }, { n: 11 }]);
  expect(await take(feed.read(10, never()), 1)).toEqual([{ n: 11 }]);
});

test('a reader that is too slow is told of a gap and goes on; the others get everything', async () => {
  const feed = new Feed<Event>();
  const slow = feed.read(null, never())[Symbol.asyncIterator]();
  const first = slow.next();
  publish(feed, 1, 1);
  expect((await first).value).toEqual({ n: 1 });
  const quick = take(feed.read(null, never()), 4000);
  publish(feed, 2, 4001);
  expect(await quick).toHaveLength(4000);
  publish(feed, 4002, 20_000);
  expect((await slow.next()).value).toEqual({ gap: true });
  const next = (await slow.next()).value as Event;
  expect(next.n).toBeGreaterThan(5000);
  await slow.return?.(undefined);
});

test('the signal ends a reader that waits', async () => {
  const feed = new Feed<Event>();
  const controller = new AbortController();
  const reading = take(feed.read(null, controller.signal), 1);
  controller.abort();
  expect(await reading).toEqual([]);
});
