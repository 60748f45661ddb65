// `jobrun schedules`: the schedules there are, with their last and next times.
import { ruleText, type Schedule, type ScheduleView, type ShortSchedule } from '../run/schedule.ts';
import { showRelative, showTime } from './shared/clock-texts.ts';
import type { Command, Context } from './shared/command.ts';
import { type Filter, filterOf, fitsTexts } from './shared/filter.ts';
import { choice, schedule } from './shared/kinds.ts';
import { getSchedule, scheduleViewer, shortScheduleViewer } from './shared/made-schedules.ts';
import { argument, field } from './shared/options.ts';
import { type Output, paintState, type Value } from './shared/output.ts';
import { inTurns } from './shared/several.ts';
import { byRank, WINDOW, type Windowed, windowOf } from './shared/window.ts';

type Reply<Row extends ShortSchedule = ScheduleView> = Windowed & {
  readonly schedules: readonly Row[];
};

export const SCHEDULE_ORDERS = ['name', 'next'] as const;

const options = {
  name: argument('[name]', schedule, 'one schedule'),
  ...WINDOW,
  order: field(choice(SCHEDULE_ORDERS), 'next: the next due first'),
};

export const schedules: Command<typeof options, Reply> = {
  name: 'schedules',
  reads: true,
  about: 'List schedules with their last and next times.',
  examples: ['schedules', 'schedules nightly', 'schedules --json'],
  options,

  async handle(request, context) {
    const { name, short, order } = request;
    const all =
      name === undefined ? await context.engine.schedules() : [await getSchedule(name, context)];
    const fitting = [...fittingOf(all, filterOf(request.q, context.clock.now()), context)];
    fitting.sort((a, b) => (a.name < b.name ? -1 : 1));
    if (order === 'next') fitting.sort(byRank(({ nextAt }) => nextAt ?? Number.POSITIVE_INFINITY));
    const { rows, windowed } = windowOf(fitting, request);
    const viewer: (of: Context) => Promise<(one: Schedule) => ShortSchedule> = short
      ? shortScheduleViewer
      : scheduleViewer;
    const reply: Reply<ShortSchedule> = {
      schedules: await inTurns(context.clock, rows, await viewer(context)),
      ...windowed,
    };
    // Only who asks for short rows gets them.
    return reply as Reply;
  },

  async show(reply, out, { name }) {
    const names = reply.schedules.map((one) => one.name);
    if (out.done(reply, names)) return undefined;
    showAll(reply.schedules, out);
    for (const one of name === undefined ? [] : reply.schedules) await showNext(one, out);
    for (const one of reply.schedules) if (one.note) out.note`${one.name}: ${one.note}`;
    if (names.length === 0) out.note`no schedules: make one with jobrun schedule <job> --cron …`;
    return undefined;
  },
};

function fittingOf(
  all: readonly Schedule[],
  filter: Filter,
  { catalog }: Context,
): readonly Schedule[] {
  const { words, without, job, group } = filter;
  const isOfGroup = (name: string): boolean => {
    const entry = catalog.find(name);
    return group === null || (entry?.state === 'ok' && entry.data.group === group);
  };
  return all.filter(
    (one) =>
      fitsTexts([one.name, one.job], { words, without }) &&
      fitsTexts([one.job], { words: job }) &&
      isOfGroup(one.job),
  );
}

function showAll(all: readonly ScheduleView[], out: Output): void {
  const columns = ['NAME', 'JOB', 'RULE', 'NEXT', 'LAST', 'RUN', 'SKIPPED'];
  out.table(
    columns.map((title) => ({ title, flex: title === 'RULE' })),
    all.map((one): Value[] => [
      one.name,
      one.job,
      ruleText(one),
      nextOf(one, out),
      lastOf(one, out),
      one.lastRun ?? '',
      one.skipped,
    ]),
  );
}

function nextOf({ state, nextAt, cron }: ScheduleView, out: Output): Value {
  if (state !== 'ok') return paintState(state);
  if (nextAt !== null) return showRelative(nextAt, out.now);
  return cron === null ? 'after its run' : '';
}

/** A time that lies ahead was given by a clock that has been set back: how long ago it was is not known. */
function lastOf({ lastAt }: ScheduleView, out: Output): Value {
  if (lastAt === null) return '';
  return Date.parse(lastAt) > out.now ? 'clock set back' : showRelative(lastAt, out.now);
}

async function showNext(one: ScheduleView, out: Output): Promise<void> {
  const here = { now: out.now, timezone: one.timezone ?? out.timezone };
  for (const at of one.next) out.line`  ${await showTime(at, here)}`;
}
