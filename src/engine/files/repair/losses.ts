// Runs that a repair cannot bring back, as exactly as they can be named: numbers that can still be read in a damaged
// page, or that a line of the journal speaks of, and how many more the manifest counts.
import { pageOf } from '../../../store/pages.ts';

export interface Lost {
  readonly ids: readonly number[];
  /** So many more of the same page, of which not even the number is known. */
  readonly more: number;
  readonly why: string;
}

export class Losses {
  readonly #ids = new Map<number, Set<number>>();
  /** How many runs of a damaged page are not proven. */
  readonly #short = new Map<number, number>();

  add(id: number): void {
    this.#ids.set(pageOf(id), this.#of(pageOf(id)).add(id));
  }

  /** A damaged page: its bytes, how many runs the manifest counts in it, and how many are proven. */
  page(page: number, bytes: Buffer | null, counted: number, proven: number): void {
    const ids = this.#of(page);
    for (const id of idsIn(bytes ?? Buffer.alloc(0))) if (pageOf(id) === page) ids.add(id);
    this.#ids.set(page, ids);
    this.#short.set(page, counted - proven);
  }

  named(isKnown: (id: number) => boolean, pathOf: (page: number) => string): readonly Lost[] {
    return [...this.#ids].flatMap(([page, named]) => {
      const ids = [...named].filter((id) => !isKnown(id)).sort((a, b) => a - b);
      const more = Math.max(0, (this.#short.get(page) ?? 0) - ids.length);
      const why = `it was in a damaged part of ${pathOf(page)} or of the journal`;
      return ids.length + more === 0 ? [] : [{ ids, more, why }];
    });
  }

  #of(page: number): Set<number> {
    return this.#ids.get(page) ?? new Set();
  }
}

const BEGIN = '{"id":';

/** Numbers that stand where a run begins; found without a text of all, which a large page is too long for. */
function* idsIn(bytes: Buffer): Generator<number> {
  for (let at = bytes.indexOf(BEGIN); at >= 0; at = bytes.indexOf(BEGIN, at + 1)) {
    const from = at + BEGIN.length;
    const id = /^(\d+),/.exec(bytes.toString('latin1', from, from + 20))?.[1];
    if (id !== undefined) yield Number(id);
  }
}
