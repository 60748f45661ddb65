// The result table of a run, or the end of it. No command of its own: `show` has it for people, and this for clients
// that look again and again at a table that may be long.
import type { Json } from '../support/json.ts';
import type { Command } from './shared/command.ts';
import { count, run } from './shared/kinds.ts';
import { getRun } from './shared/named.ts';
import { argument, field } from './shared/options.ts';
import { lastOf } from './shared/window.ts';

export interface Results {
  readonly total: number;
  readonly results: readonly Json[];
}

const options = {
  id: argument('<id>', run(), 'the run'),
  last: field(count(0), 'only the last so many'),
};

export const results: Command<typeof options, Results> = {
  name: 'results',
  reads: true,
  about: '',
  examples: [],
  options,

  async handle({ id, last }, context) {
    await getRun(id, context);
    const rows = await context.logs.rows(id);
    return { total: rows.length, results: lastOf(rows, last) };
  },

  show: () => undefined,
};
