// The operations of a line of the journal, as they are to be done: those that make no sense are left out and noted, and
// what they say of a run or a schedule is set aside where that makes none.
import * as v from 'valibot';
import { LARGE } from '../../run/difference.ts';
import { RUN_ID } from '../../run/stored-run.ts';
import type { Op } from '../../store/journal.ts';
import { faultOf, flag, list, object, oneOf, type Schema, text } from '../../support/schema.ts';
import { importOf } from './manifest.ts';
import type { Held } from './registry.ts';
import { HELD, type Note, REQUEST, runOf, scheduleOf, TARGET, WORKER } from './stored.ts';

/** The operations of a line that make sense, as they are to be done. Throws where a whole import makes none. */
export function opsOf(line: unknown, note: Note): readonly Op[] {
  if (!Array.isArray(line)) {
    note('the operations of a commit make no sense: they are no list');
    return [];
  }
  return line.flatMap((raw: unknown) => {
    const op = Array.isArray(raw) ? opOf(raw as unknown as Op, note) : 'it is no list';
    if (typeof op !== 'string') return [op];
    note(`an operation makes no sense: ${op}`);
    return [];
  });
}

/** What must follow the name of each operation. */
const OPERANDS: Readonly<Record<string, readonly Schema[]>> = {
  remove: [RUN_ID],
  worker: [WORKER],
  gone: [text],
  unschedule: [text],
  pause: [TARGET, flag],
  asked: [REQUEST],
};

function opOf(op: Op, note: Note): Op | string {
  const [kind, first, second, third] = op;
  if (kind === 'run') return named(kind, runOf(first, note));
  if (kind === 'schedule') return named(kind, scheduleOf(first, note));
  if (kind === 'import') return [kind, importOf(first, note)];
  if (kind === 'set') return setOf(first, second, third, note);
  const operands = Object.hasOwn(OPERANDS, kind) ? OPERANDS[kind] : undefined;
  if (!operands) return `there is none that is called ${JSON.stringify(kind)}`;
  const wrong = operands.map((schema, i) => faultOf(schema, op[i + 1])).find((one) => one !== null);
  return wrong === undefined ? op : `${kind}: ${wrong}`;
}

const DIFFERENCE = object({ kept: v.optional(list(oneOf(LARGE))) });

const named = (kind: string, record: unknown): Op | string =>
  typeof record === 'string' ? `${kind}: ${record}` : [kind, record];

function setOf(id: unknown, patch: unknown, lease: unknown, note: Note): Op | string {
  const nobody = faultOf(RUN_ID, id);
  if (nobody !== null) return `set: its number ${nobody}`;
  // What has become of the run is not known then: that makes no sense of the run.
  const unread = faultOf(DIFFERENCE, patch);
  const change = unread === null ? patch : { state: unread };
  if (lease === undefined || lease === null) return ['set', id, change];
  const wrong = faultOf(HELD, lease);
  if (wrong === null) return ['set', id, change, lease as Held];
  note(`the lease of run ${id} makes no sense: ${wrong}`);
  return ['set', id, change];
}
