// `jobrun events`: every change of a run as a JSON line, until ended.
import type { Feed } from '../api/feed.ts';
import type { Change } from '../engine/engine.ts';
import { isSettled, type Run } from '../run/run.ts';
import type { RunView } from '../run/view.ts';
import { isoOf } from '../support/clock.ts';
import type { Command, Context } from './shared/command.ts';
import { count, job } from './shared/kinds.ts';
import { field, option, yesOrNo } from './shared/options.ts';
import type { EventType, EventView, GapView } from './shared/replies.ts';
import { viewsOfChanged } from './shared/views.ts';
import { noDaemon, START_DAEMON } from './shared/waiting.ts';

/** The number of an event that is not shown. */
interface Mark {
  readonly seen: number;
}

type Item = EventView | GapView | Mark;

const options = {
  job: option('--job <job>', job, 'only of this job'),
  since: option('--since <n>', count(0), 'start after the event with this number'),
  /** Also tells the numbers of events that it does not show, so that the next daemon can go on after them. */
  marks: field(yesOrNo),
};

export const events: Command<typeof options, null, Item> = {
  name: 'events',
  anyDaemon: true,
  needsDaemon: START_DAEMON,
  about: 'Print every change as a JSON line, until you stop it.',
  examples: ['events', 'events --job import-products --since 1200 | jq .run.state'],
  options,

  ask: (request) => ({ ...request, marks: true }),

  async handle(_request, context) {
    await feedOf(context);
    return null;
  },

  follows: () => true,

  async *stream({ job, since, marks }, context, signal) {
    const feed = await feedOf(context);
    const from = since ?? feed.last;
    if (marks && since === undefined) yield { seen: from };
    for await (const item of feed.read(from, signal)) {
      if (!('n' in item)) yield { type: item.type };
      else if (job === undefined || item.run.job === job) {
        yield await eventOf(item, context);
      } else if (marks) yield { seen: item.n };
    }
  },

  again(request, item) {
    if (item === null) return request;
    if (isMark(item)) return { ...request, since: item.seen };
    return 'n' in item ? { ...request, since: item.n } : request;
  },

  showItem(item, out) {
    if (!isMark(item)) out.document(item);
    return undefined;
  },

  show: () => undefined,
};

async function feedOf({ daemon, changes }: Context): Promise<Feed<Change>> {
  const feed = daemon?.feed ?? (await changes?.());
  if (!feed) throw noDaemon('jobrun events');
  return feed;
}

export const isMark = (item: unknown): item is Mark =>
  typeof item === 'object' && item !== null && 'seen' in item;

async function eventOf(change: Change, context: Context): Promise<EventView> {
  const [run] = await viewsOfChanged([change.run], context);
  return { n: change.n, at: isoOf(change.at), type: typeOf(change), run: run as RunView };
}

function typeOf({ prev, run }: Change): EventType {
  if (prev === null) return 'run.accepted';
  if (prev.state.name === run.state.name) return typeOfDetail(prev, run);
  if (isSettled(run)) return 'run.settled';
  const fromAttempt = prev.state.name === 'running' || isSettled(prev);
  switch (run.state.name) {
    case 'running':
      return 'run.started';
    case 'waiting':
      return 'run.waiting';
    case 'scheduled':
      return fromAttempt ? 'run.retrying' : 'run.scheduled';
    default:
      return fromAttempt ? 'run.retrying' : 'run.queued';
  }
}

function typeOfDetail(prev: Run, run: Run): EventType {
  const [before, after] = [prev.life, run.life];
  const isSaved = before?.checkpoint !== after?.checkpoint || before?.steps !== after?.steps;
  if (isSaved) return 'run.saved';
  // An abort that is asked for carries the progress with it.
  const isTold = before?.progress !== after?.progress && before?.abort === after?.abort;
  return isTold ? 'run.progress' : 'run.updated';
}
