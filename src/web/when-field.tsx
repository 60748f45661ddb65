// The field for a time: what is typed is resolved by the daemon, as behind `--at`, while it is typed.

import { useEffect, useState } from 'preact/hooks';
import type { When } from '../commands/when.ts';
import { after } from '../support/page-clock.ts';
import { ask, errorIn, withQuery } from './api.ts';
import type { ApiError } from './api-error.ts';
import { Button } from './parts.tsx';
import { asText } from './text.tsx';

const TYPING_MS = 120;

interface Resolved {
  readonly when: When | null;
  readonly error: ApiError | null;
}

/** Nothing typed, or `now`, is at once. */
export const isNow = (typed: string): boolean => /^(?:now)?$/i.test(typed.trim());

export const resolve = (typed: string): Promise<When> =>
  ask<When>(withQuery('when', { at: typed.trim() }));

function useWhen(typed: string): Resolved {
  const [known, setKnown] = useState<Resolved>({ when: null, error: null });
  useEffect(() => {
    let isOver = false;
    const look = async (): Promise<void> => {
      const next = await resolve(typed).then(
        (when) => ({ when, error: null }),
        (thrown) => ({ when: null, error: errorIn(thrown) }),
      );
      if (!isOver) setKnown(next);
    };
    const undo = after(TYPING_MS, () => {
      if (isNow(typed)) setKnown({ when: null, error: null });
      else void look();
    });
    return () => {
      isOver = true;
      undo();
    };
  }, [typed]);
  return known;
}

interface Props {
  readonly typed: string;
  /** The instant of an empty field. */
  readonly otherwise: string;
  readonly onType: (typed: string) => void;
}

const EXAMPLES = ['now', 'in 20m', 'tomorrow 9:00', 'friday 17:00'];

export function WhenField({ typed, otherwise, onType }: Props) {
  const { when, error } = useWhen(typed);
  return (
    <>
      <div class={error ? 'field bad' : 'field'}>
        <label for="when">When</label>
        <input
          id="when"
          aria-describedby="echo"
          aria-invalid={error !== null}
          autocomplete="off"
          spellcheck={false}
          maxLength={200}
          value={typed}
          onInput={(event) => onType(event.currentTarget.value)}
        />
        <div class="chips">
          {EXAMPLES.map((text) => (
            <Button is="small" act={() => onType(text)}>
              {text}
            </Button>
          ))}
        </div>
      </div>
      <div class="echo" id="echo" aria-live="polite">
        {error ? (
          <p class="err">
            {asText(error.message)}. {asText(error.hint)}
          </p>
        ) : when ? (
          <>
            <strong>{when.text.split(', ')[0]}</strong>
            <p>
              {when.text.split(', ').slice(1).join(', ')}
              {when.note && ` (${when.note})`}
            </p>
          </>
        ) : (
          <strong>{isNow(typed) && typed.trim() !== '' ? 'at once' : otherwise}</strong>
        )}
      </div>
    </>
  );
}
