// Messages of what was done, or refused: a line at the edge of the page, for a while.
import { useEffect } from 'preact/hooks';
import { after } from '../support/page-clock.ts';
import { errorIn } from './api.ts';
import { ApiError } from './api-error.ts';
import { Observable, useObservable } from './observable.ts';
import { asText } from './text.tsx';

interface Said {
  readonly text: string;
  readonly isError: boolean;
}

const SHOWN_MS = 6000;
const said = new Observable<Said | null>(null);

export const say = (text: string): void => said.set({ text, isError: false });

export function complain(thrown: unknown): void {
  const { message, hint } = errorIn(thrown);
  said.set({ text: hint ? `${message}. ${hint}` : message, isError: true });
}

/** Says what comes of it; null where that is an error. */
export async function saying<T>(work: Promise<T>, text: (reply: T) => string): Promise<T | null> {
  try {
    const reply = await work;
    say(text(reply));
    return reply;
  } catch (thrown) {
    if (!(thrown instanceof ApiError)) throw thrown;
    complain(thrown);
    return null;
  }
}

export function Toast() {
  const shown = useObservable(said);
  useEffect(() => (shown === null ? undefined : after(SHOWN_MS, () => said.set(null))), [shown]);
  return (
    <div role="status" class="toasts">
      {shown && <p class={shown.isError ? 'toast harm' : 'toast'}>{asText(shown.text)}</p>}
    </div>
  );
}
