// The field with the words of a filter: the list follows what is typed.
import type { TargetedKeyboardEvent } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { after } from '../support/page-clock.ts';

const TYPING_MS = 150;
const EXAMPLES = 'Filter: job, id, error, state:failed, key:weekly, since:2h, param:city=Berlin';

interface Props {
  readonly q: string;
  readonly onChange: (q: string) => void;
}

export function Filter({ q, onChange }: Props) {
  const [typed, setTyped] = useState(q);
  const told = useRef(q);
  const undo = useRef(() => {});
  useEffect(() => {
    // Changed from elsewhere: by going back, or by a link.
    if (q !== told.current) setTyped(q);
    told.current = q;
  }, [q]);
  // A page that was left must not be brought back by what was typed there.
  useEffect(() => () => undo.current(), []);
  const type = (text: string): void => {
    setTyped(text);
    undo.current();
    undo.current = after(TYPING_MS, () => {
      if (text.trim() === told.current) return;
      told.current = text.trim();
      onChange(told.current);
    });
  };
  /** As in the dashboard: Enter keeps the filter, Esc takes it away; both go back to the list. */
  const leave = ({ key, currentTarget }: TargetedKeyboardEvent<HTMLInputElement>): void => {
    if (key === 'Escape') type('');
    if (['Enter', 'Escape'].includes(key)) currentTarget.blur();
  };
  return (
    <label class="search">
      <span class="hidden">Filter runs</span>
      <input
        type="search"
        placeholder={EXAMPLES}
        value={typed}
        maxLength={1000}
        autocomplete="off"
        spellcheck={false}
        data-filter
        onInput={(event) => type(event.currentTarget.value)}
        onKeyDown={leave}
      />
      <kbd>/</kbd>
    </label>
  );
}
