// A field of a form: its label, what it takes, and what is wrong with it.
import type { ComponentChildren } from 'preact';
import { Text } from './text.tsx';

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
        <Text of={name} />
        {kind !== '' && (
          <em>
            <Text of={kind} />
          </em>
        )}
      </label>
      {children(id)}
      {hint !== '' && (
        <span class="hint">
          <Text of={hint} />
        </span>
      )}
      {wrong !== '' && (
        <span class="err" role="alert">
          <Text of={wrong} />
        </span>
      )}
    </div>
  );
}
