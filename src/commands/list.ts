// `jobrun list`: runs, newest first; where only settled states are asked for, the last settled first.
import { showDuration } from '../support/durations.ts';
import { errorFromShape, exitCodeOf } from '../support/errors.ts';
import { count as counted } from '../support/text.ts';
import { showRelative } from './shared/clock-texts.ts';
import { type Command, hearsOfChanges } from './shared/command.ts';
import { type Output, paintState, type Value } from './shared/output.ts';
import { LIST_OPTIONS, type Listed, listed, listedInParts, rowsAsked } from './shared/run-list.ts';
import { lastAlive, sayOf, tookMs, whenOf } from './shared/run-words.ts';
import type { ShortRun } from './shared/views.ts';
import { noDaemon, watched } from './shared/waiting.ts';

export const list: Command<typeof LIST_OPTIONS, Listed, Listed> = {
  name: 'list',
  reads: true,
  about:
    'List runs, newest first. If --state names settled states only, the last settled come first.',
  examples: [
    'list --state running,queued',
    'list --job import-products --since 2d --json',
    'list --since yesterday',
    'list --watch',
  ],
  options: LIST_OPTIONS,

  /**
   * A search may take seconds. As a stream it ends with the command: Ctrl-C ends it in the daemon too. The rows of a
   * table need no values, which may be megabytes each.
   */
  ask(request, { general }) {
    const shown = general.json === true ? request : { ...request, short: true };
    return request.q === undefined || request.watch ? shown : { ...shown, parts: true };
  },

  /** Its parts come on the stream. */
  handle: async (request, context) =>
    request.parts ? { total: 0, runs: [] } : whole(await listed(request, context)),

  rows: rowsAsked,

  follows: ({ watch, parts }) => watch === true || parts === true,

  async *stream(request, context, signal, first) {
    const again = async (): Promise<Listed> => whole(await listed(request, context));
    if (request.watch) {
      if (!hearsOfChanges(context)) throw noDaemon('watching');
      return yield* watched(first, again, context, signal);
    }
    for await (const part of listedInParts(request, context, signal)) {
      // A change that the disk takes back is right again at the next look.
      await context.engine.durable().catch(() => undefined);
      yield whole(part);
    }
  },

  showItem({ complete = true, ...listed }, out, { watch }) {
    if (!complete) return undefined;
    if (watch && !out.json) out.clear();
    return showList(listed, out);
  },

  show: showList,
};

/** Only who asks for short rows gets them. */
const whole = (part: Listed<ShortRun>): Listed => part as Listed;

function showList(listed: Listed, out: Output): number | undefined {
  const { total, runs, damage = [] } = listed;
  const ids = runs.map(({ id }) => id);
  if (!out.done(listed, ids)) {
    showRuns(runs, out);
    if (total > runs.length)
      out.note`${runs.length} of ${counted(total, 'run')}. More: --limit, --state`;
    else if (total === 0) out.note`no runs`;
  }
  for (const error of damage) out.error(errorFromShape(error));
  return damage[0] && exitCodeOf(damage[0].code);
}

export function showRuns(runs: readonly ShortRun[], out: Output): void {
  const columns = [
    { title: 'ID', right: true },
    { title: 'JOB' },
    { title: 'STATE' },
    { title: 'PROGRESS', flex: true },
    { title: 'WHEN' },
    { title: 'TOOK' },
  ];
  const now = out.now;
  out.table(
    columns,
    runs.map((run): Value[] => {
      const alive = lastAlive(run, out);
      const took = tookMs(run, alive === null ? now : undefined);
      return [
        run.id,
        run.job,
        paintState(run.state),
        alive === null ? sayOf(run) : `last known alive ${showRelative(alive, now)}`,
        showRelative(whenOf(run), now),
        took === null ? '' : showDuration(took),
      ];
    }),
  );
}
