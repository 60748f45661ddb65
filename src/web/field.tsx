// A field of a form: its label, what it takes, and what is wrong with it.
import type { ComponentChildren } from 'preact';
import { asText } from './text.tsx';

interface AreaProps {
  readonly id: string;
  readonly value: string;
  readonly onType: (text: string) => void;
}

/** A field of several lines. */
export const Area = ({ id, value, onType }: AreaProps) => (
  <textarea
    id={id}
    value={value}
    spellcheck={false}
    onInput={(event) => onType(event.currentTarget.value)}
  />
);

interface Props {
  readonly name: string;
  /** Its kind and its default, beside the name. */
  readonly kind?: string;
  readonly hint?: string;
  readonly wrong?: string;
  readonly children: (id: string) => ComponentChildren;
}

export function Field({ name, kind = '', hint = '', wrong = '', children }: Props) {
  // Unique within a form, as the names of its params are.
  const id = `field-${encodeURIComponent(name)}`;
  return (
    <div class={wrong === '' ? 'field' : 'field bad'}>
      <label for={id}>
        {asText(name)}
        {kind !== '' && <em>{asText(kind)}</em>}
      </label>
      {children(id)}
      {hint !== '' && <span class="hint">{asText(hint)}</span>}
      {wrong !== '' && (
        <span class="err" role="alert">
          {asText(wrong)}
        </span>
      )}
    </div>
  );
}
