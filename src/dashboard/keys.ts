// What a key means right now, and the hints and the help, all from the one table of bindings.ts.
import { type Action, BINDINGS, type Binding, type Context } from './bindings.ts';
import type { Glyphs } from './theme.ts';

/** What a key means here; null where it means nothing, or the screen takes keys as text. */
export function actionFor(key: string, context: Context): Action | null {
  const found = BINDINGS.find(({ keys, when }) => keys.includes(key) && when(context));
  return found?.action ?? null;
}

export interface Hint {
  readonly name: string;
  readonly label: string;
  readonly weight: number;
}

/** All keys that work right now, in the order of the table. */
export function hintsFor(context: Context, glyphs: Glyphs): readonly Hint[] {
  return BINDINGS.filter(({ weight, when }) => weight > 0 && when(context)).map((binding) => ({
    name: nameOf(binding, glyphs),
    label: typeof binding.label === 'string' ? binding.label : binding.label(context),
    weight: binding.weight,
  }));
}

/** Every key there is, with what it does, for the help. */
export const allKeys = (glyphs: Glyphs): readonly { name: string; help: string }[] =>
  BINDINGS.filter(({ help }) => help !== '').map((binding) => ({
    name: nameOf(binding, glyphs),
    help: binding.help,
  }));

const nameOf = ({ name }: Binding, glyphs: Glyphs): string =>
  typeof name === 'string' ? name : name(glyphs);
