// `jobrun remove`: forgets settled runs, with their logs.
import { SETTLED } from '../run/run.ts';
import type { Command, Context } from './shared/command.ts';
import { runs } from './shared/kinds.ts';
import { argument, shellFlag } from './shared/options.ts';
import type { Refused } from './shared/replies.ts';
import { eachGiven, isRefused, showRefused } from './shared/several.ts';

interface Reply {
  readonly results: readonly ({ readonly id: string; readonly removed: true } | Refused)[];
}

const options = {
  ids: argument('<id...>', runs(SETTLED), 'settled runs'),
  yes: shellFlag('-y, --yes', 'accepted for scripts; runs named by id are not asked about'),
};

export const remove: Command<typeof options, Reply> = {
  name: 'remove',
  once: true,
  about: 'Remove settled runs and their logs.',
  examples: ['remove 12', 'remove 12 13 14'],
  options,

  async handle({ ids }, context) {
    return { results: await eachGiven(ids, (id) => removeOne(id, context)) };
  },

  show({ results }, out) {
    const removed = results.filter((result) => !isRefused(result)).map(({ id }) => id);
    if (!out.done({ results }, removed) && removed.length > 0)
      out.line`Removed ${removed.join(', ')}`;
    return showRefused(results, out);
  },
};

async function removeOne(
  id: number,
  context: Context,
): Promise<{ readonly id: string; readonly removed: true }> {
  await context.engine.remove([id]);
  await context.logs.remove(id);
  return { id: String(id), removed: true };
}
