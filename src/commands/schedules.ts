// `jobrun schedules`: the schedules there are, with their last and next times.
import { ruleText, type ScheduleView } from '../run/schedule.ts';
import type { Command } from './shared/command.ts';
import { schedule } from './shared/kinds.ts';
import { getSchedule, scheduleViewer } from './shared/made-schedules.ts';
import { argument } from './shared/options.ts';
import { type Output, paintState, type Value } from './shared/output.ts';
import { inTurns } from './shared/several.ts';
import { showRelative, showTime } from './shared/times.ts';

interface Reply {
  readonly schedules: readonly ScheduleView[];
}

const options = { name: argument('[name]', schedule, 'one schedule') };

export const schedules: Command<typeof options, Reply> = {
  name: 'schedules',
  reads: true,
  about: 'List schedules with their last and next times.',
  examples: ['schedules', 'schedules nightly', 'schedules --json'],
  options,

  async handle({ name }, tools) {
    const all =
      name === undefined ? await tools.engine.schedules() : [await getSchedule(name, tools)];
    const byName = [...all].sort((a, b) => (a.name < b.name ? -1 : 1));
    return { schedules: await inTurns(byName, scheduleViewer(tools)) };
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
