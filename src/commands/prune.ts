// `jobrun prune`: forgets settled runs by age, number or state, just as asked.
import { isOfState } from '../run/refusal.ts';
import { type Run, SETTLED, type StateName } from '../run/run.ts';
import { JobrunError } from '../support/errors.ts';
import { count as counted } from '../support/text.ts';
import type { CallOther, Command, Context } from './shared/command.ts';
import { count, duration, states } from './shared/kinds.ts';
import { type Checked, flag, option, type Sent, shellFlag } from './shared/options.ts';
import { AT_ONCE, countsText, idsOf } from './shared/several.ts';

interface Reply {
  readonly removed: number;
  readonly dryRun: boolean;
  readonly ids: readonly string[];
  /** With `--dry-run`: how many of each state. */
  readonly counts?: Chosen['counts'];
}

const options = {
  olderThanMs: option(
    '--older-than <duration>',
    duration,
    'runs that settled longer ago than this',
  ),
  keep: option('--keep <n>', count(0), 'keep the newest n'),
  states: option(
    '--state <states>',
    states(SETTLED, ' of settled runs'),
    'only done, failed or aborted ones',
  ),
  dryRun: flag('--dry-run', 'list them, but remove nothing'),
  yes: shellFlag('-y, --yes', 'do not ask'),
};

export const prune: Command<typeof options, Reply> = {
  name: 'prune',
  once: true,
  about: 'Remove settled runs and their logs, by age, number or state.',
  examples: ['prune --older-than 30d --dry-run', 'prune --state done --keep 1000 -y'],
  options,

  async ask(request, { confirm }) {
    refuseUnsaid(request);
    const question = (call: CallOther): Promise<string> => askHowMany(request, call);
    if (request.dryRun || (await confirm(question))) return request;
    throw new JobrunError('interrupted', 'nothing was removed', 'Say yes, or give -y.');
  },

  async handle(request, context) {
    refuseUnsaid(request);
    const { ids: chosen, counts } = await runsToRemove(request, context);
    const { dryRun = false } = request;
    const ids = dryRun ? chosen : await removeAll(chosen, context);
    return { removed: ids.length, dryRun, ids: ids.map(String), ...(dryRun && { counts }) };
  },

  show(reply, out) {
    if (out.done(reply, reply.ids)) return undefined;
    if (reply.dryRun) out.line`Would remove ${statesText(reply)}`;
    else out.line`Removed ${counted(reply.removed, 'run')}`;
    return undefined;
  },
};

/** All of the history is asked for by its states. */
function refuseUnsaid({ olderThanMs, keep, states }: Checked<typeof options>): void {
  if (olderThanMs !== undefined || keep !== undefined || states !== undefined) return;
  const hint = 'For example: jobrun prune --older-than 30d';
  throw new JobrunError('bad-option', 'it is not said which runs to remove', hint);
}

async function askHowMany(request: Sent<typeof options>, call: CallOther): Promise<string> {
  const asked = { ...request, dryRun: true };
  const reply = (await call(prune as Command, asked)) as Reply;
  return `Remove for good ${statesText(reply)}?`;
}

const statesText = ({ counts }: Reply): string =>
  countsText(SETTLED.map((state) => [state, counts?.[state] ?? 0]));

interface Chosen {
  readonly ids: readonly number[];
  readonly counts: Partial<Record<StateName, number>>;
}

async function runsToRemove(
  { olderThanMs = 0, keep = 0, states = SETTLED }: Checked<typeof options>,
  context: Context,
): Promise<Chosen> {
  const before = context.clock.now() - olderThanMs;
  const counts: Partial<Record<StateName, number>> = {};
  const ids = await idsOf({ states, offset: keep }, context, (run) => {
    const { name } = run.state;
    const isOld = settledBefore(run, before);
    if (isOld) counts[name] = (counts[name] ?? 0) + 1;
    return isOld;
  });
  return { ids, counts };
}

const settledBefore = ({ state }: Run, before: number): boolean =>
  'settledAt' in state && state.settledAt <= before;

/** Those that it has removed: what was removed by others meanwhile, or goes on, is left to them. */
async function removeAll(ids: readonly number[], context: Context): Promise<readonly number[]> {
  const removed: number[] = [];
  for (let at = 0; at < ids.length; at += AT_ONCE)
    removed.push(...(await removeSome(ids.slice(at, at + AT_ONCE), context)));
  return removed;
}

/** In one commit; where that cannot be, each by itself. */
async function removeSome(ids: readonly number[], context: Context): Promise<readonly number[]> {
  try {
    await context.engine.remove(ids);
  } catch (error) {
    if (!(error instanceof JobrunError && isOfState(error))) throw error;
    if (ids.length === 1) return [];
    return (await Promise.all(ids.map((id) => removeSome([id], context)))).flat();
  }
  await Promise.all(ids.map((id) => context.logs.remove(id)));
  return ids;
}
