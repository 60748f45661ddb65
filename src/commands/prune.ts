// `jobrun prune`: forgets settled runs by age, number or state, just as asked.
import { isOfState } from '../run/refusal.ts';
import { isSettledName, type Run, SETTLED, type StateName } from '../run/run.ts';
import { parseDuration } from '../support/durations.ts';
import { JobrunError } from '../support/errors.ts';
import { count } from '../support/text.ts';
import type { Command, Tools } from './command.ts';
import { fieldsOf, notOneOf, optionalInteger } from './fields.ts';
import { examples } from './help.ts';
import { readStates } from './list.ts';
import { AT_ONCE, idsOf } from './several.ts';
import { readInteger } from './times.ts';

interface Request {
  readonly olderThanMs?: number;
  readonly keep?: number;
  readonly states?: readonly StateName[];
  readonly dryRun: boolean;
}

interface Reply {
  readonly removed: number;
  readonly dryRun: boolean;
  readonly ids: readonly string[];
}

const MOST = Number.MAX_SAFE_INTEGER;

export const prune: Command<Request, Reply> = {
  name: 'prune',
  once: true,

  define(program) {
    program.description('Forget settled runs and their logs, by age, number or state.');
    program
      .option('--older-than <duration>', 'settled longer ago than this')
      .option('--keep <n>', 'but not the newest so many')
      .option('--state <states>', 'only done, failed or aborted ones')
      .option('--dry-run', 'say which, remove nothing')
      .option('-y, --yes', 'do not ask');
    examples(program, 'prune --older-than 30d --dry-run', 'prune --state done --keep 1000 -y');
  },

  async ask({ options, confirm }) {
    const { olderThan, keep, state, dryRun } = options;
    if (olderThan === undefined && keep === undefined && state === undefined) {
      const hint = 'For example: jobrun prune --older-than 30d';
      throw new JobrunError('bad-option', 'nothing says which runs', hint);
    }
    const states = state === undefined ? undefined : readSettled(String(state));
    const request = {
      ...(olderThan !== undefined && {
        olderThanMs: parseDuration(String(olderThan), '--older-than'),
      }),
      ...(keep !== undefined && { keep: readInteger(keep, '--keep', 0, MOST) }),
      ...(states && { states }),
      dryRun: dryRun === true,
    };
    if (dryRun === true || (await confirm('Remove these settled runs and their logs for good?'))) {
      return request;
    }
    throw new JobrunError('interrupted', 'nothing was removed', 'Say yes, or give -y.');
  },

  async handle(request, tools) {
    const chosen = await idsToRemove(request, tools);
    const ids = request.dryRun === true ? chosen : await removeAll(chosen, tools);
    return { removed: ids.length, dryRun: request.dryRun === true, ids: ids.map(String) };
  },

  show(reply, out) {
    if (out.done(reply, reply.ids)) return undefined;
    const runs = count(reply.removed, 'run');
    if (reply.dryRun) out.line`Would remove ${runs}`;
    else out.line`Removed ${runs}`;
    return undefined;
  },
};

function readSettled(text: string): readonly StateName[] {
  const states = readStates(text);
  const wrong = states.find((name) => !isSettledName(name));
  if (wrong !== undefined) throw notOneOf('--state of settled runs', wrong, SETTLED);
  return states;
}

async function idsToRemove(request: Request, tools: Tools): Promise<readonly number[]> {
  const fields = fieldsOf(request);
  const olderThanMs = optionalInteger(fields, 'olderThanMs', 0, MOST) ?? 0;
  const keep = optionalInteger(fields, 'keep', 0, MOST) ?? 0;
  const before = tools.clock.now() - olderThanMs;
  const states = Array.isArray(request.states) ? readSettled(request.states.join(',')) : SETTLED;
  return idsOf({ states, offset: keep }, tools, (run) => settledBefore(run, before));
}

const settledBefore = ({ state }: Run, before: number): boolean =>
  'settledAt' in state && state.settledAt <= before;

/** Those that it has removed: what was removed by others meanwhile, or goes on, is left to them. */
async function removeAll(ids: readonly number[], tools: Tools): Promise<readonly number[]> {
  const removed: number[] = [];
  for (let at = 0; at < ids.length; at += AT_ONCE)
    removed.push(...(await removeSome(ids.slice(at, at + AT_ONCE), tools)));
  return removed;
}

/** In one commit; where that cannot be, each by itself. */
async function removeSome(ids: readonly number[], tools: Tools): Promise<readonly number[]> {
  try {
    await tools.engine.remove(ids);
  } catch (error) {
    if (!(error instanceof JobrunError && isOfState(error))) throw error;
    if (ids.length === 1) return [];
    return (await Promise.all(ids.map((id) => removeSome([id], tools)))).flat();
  }
  await Promise.all(ids.map((id) => tools.logs.remove(id)));
  return ids;
}
