// Messages of what was done, or refused: a line at the edge of the page, for a while.
import { useEffect } from 'preact/hooks';
import { JobrunError } from '../support/errors.ts';
import { after } from '../support/page-clock.ts';
import { errorIn } from './api.ts';
import { asText } from './text.tsx';
import { Told, useTold } from './told.ts';

interface Said {
  readonly text: string;
  readonly isError: boolean;
}

const SHOWN_MS = 6000;
const said = new Told<Said | null>(null);

export const say = (text: string): void => said.tell({ text, isError: false });

export function complain(thrown: unknown): void {
  const { message, hint } = errorIn(thrown);
  said.tell({ text: hint ? `${message}. ${hint}` : message, isError: true });
}

/** Says what comes of it; null where that is an error. */
export async function saying<T>(work: Promise<T>, text: (reply: T) => string): Promise<T | null> {
  try {
    const reply = await work;
    say(text(reply));
    return reply;
  } catch (thrown) {
    if (!(thrown instanceof JobrunError)) throw thrown;
    complain(thrown);
    return null;
  }
}

export function Toast() {
  const shown = useTold(said);
  useEffect(() => (shown === null ? undefined : after(SHOWN_MS, () => said.tell(null))), [shown]);
  return (
    <div role="status" class="toasts">
      {shown && <p class={shown.isError ? 'toast harm' : 'toast'}>{asText(shown.text)}</p>}
    </div>
  );
}
