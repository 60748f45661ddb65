// `jobrun remove`: forgets settled runs, with their logs.
import type { Command, Tools } from './command.ts';
import { runIds } from './fields.ts';
import { examples } from './help.ts';
import { eachGiven, isRefused, type Refused, showRefused } from './several.ts';

interface Request {
  readonly ids: readonly string[];
}

interface Reply {
  readonly results: readonly ({ readonly id: string; readonly removed: true } | Refused)[];
}

export const remove: Command<Request, Reply> = {
  name: 'remove',
  once: true,

  define(program) {
    program.argument('<id...>', 'settled runs');
    program.description('Forget settled runs and their logs.');
    program.option('-y, --yes', 'accepted for scripts; runs named by id are not asked about');
    examples(program, 'remove 12', 'remove 12 13 14');
  },

  ask: ({ args }) => ({ ids: args }),

  async handle({ ids }, tools) {
    return { results: await eachGiven(runIds(ids), (id) => removeOne(id, tools)) };
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
  tools: Tools,
): Promise<{ readonly id: string; readonly removed: true }> {
  await tools.engine.remove([id]);
  await tools.logs.remove(id);
  return { id: String(id), removed: true };
}
