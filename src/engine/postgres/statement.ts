// Statements put together from parts, so that all that a turn reads is one statement and all that it writes is another.
// There are as many of them as there are mixtures of parts, which are few; each keeps its name for the life of the
// process.
import type { Statement } from './session.ts';

/** A piece of a statement, whose values are `$1`, `$2` … in its own text. */
export interface Part {
  readonly name: string;
  readonly text: string;
  readonly values: readonly unknown[];
}

const texts = new Map<string, { readonly name: string; readonly text: string }>();

/** `join` makes one text of those of the parts; it is asked once for each mixture of their names. */
export function composed(
  kind: string,
  parts: readonly Part[],
  join: (texts: readonly string[]) => string,
): Statement {
  const mixture = `${kind} ${parts.map(({ name }) => name).join(' ')}`;
  let known = texts.get(mixture);
  if (!known) {
    known = { name: `jobrun_${kind}_${texts.size}`, text: join(numbered(parts)) };
    texts.set(mixture, known);
  }
  return { ...known, values: parts.flatMap(({ values }) => values) };
}

/** The texts with their values counted through. */
function numbered(parts: readonly Part[]): readonly string[] {
  let before = 0;
  return parts.map(({ text, values }) => {
    const offset = before;
    before += values.length;
    return text.replace(/\$(\d+)/g, (_, n) => `$${Number(n) + offset}`);
  });
}
