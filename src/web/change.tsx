// Changing a run that has not started: when it is due, its priority, and its params. Hidden params are not in the form,
// and keep their values: what the form has is added to them.

import { useState } from 'preact/hooks';
import { HIDDEN, withoutHidden } from '../commands/shared/param-texts.ts';
import type { Details } from '../commands/shared/replies.ts';
import type { Json } from '../support/json.ts';
import { Area, Field } from './field.tsx';
import { DialogButton, FormDialog } from './form-dialog.tsx';
import { actOn } from './run-questions.ts';
import { shellLine } from './shell-line.ts';
import { isNow, resolve, WhenField } from './when-field.tsx';

export const ChangeButton = ({ run }: { readonly run: Details }) => (
  <DialogButton label="Change" is="change">
    {(close) => <ChangeDialog run={run} close={close} />}
  </DialogButton>
);

const textOf = (value: Json): string => JSON.stringify(value, null, 2);

/** `-p` adds to the params of a run, `--params` replaces them. */
function paramWords(text: string, isAdded: boolean): readonly string[] {
  if (!isAdded) return ['--params', text];
  try {
    const added = Object.entries(JSON.parse(text) as object);
    return added.flatMap(([name, value]) => ['-p', `${name}:=${JSON.stringify(value)}`]);
  } catch {
    // No JSON yet: the field says so, and no line stands there meanwhile.
    return [];
  }
}

interface Props {
  readonly run: Details;
  readonly close: () => void;
}

function ChangeDialog({ run: { id, params, priority }, close }: Props) {
  const own = textOf(withoutHidden(params));
  const isAdded = textOf(params).includes(HIDDEN);
  const [at, setAt] = useState('');
  const [text, setText] = useState(own);
  const [rank, setRank] = useState(String(priority));
  const isOther = text !== own;
  const isRanked = rank !== String(priority);
  const due = at.trim();
  const act = async (): Promise<string> => {
    const when = due && (isNow(at) ? { in: 0 } : { at: (await resolve(at)).at });
    await actOn({ id }, 'update', {
      ...(when || {}),
      ...(isRanked && { priority: Number(rank) }),
      ...(isOther && { params: JSON.parse(text), ...(isAdded && { merge: true }) }),
    });
    return `run ${id} is changed`;
  };
  const line = shellLine(
    ...['update', id],
    ...(due ? ['--at', due] : []),
    ...(isRanked ? ['--priority', rank] : []),
    ...(isOther ? paramWords(text, isAdded) : []),
  );
  return (
    <FormDialog title={`Change run ${id}`} label="Change" line={line} act={act} close={close}>
      <WhenField typed={at} otherwise="due as before" onType={setAt} />
      <Field name="Priority">
        {(id) => (
          <input
            id={id}
            type="number"
            value={rank}
            onInput={(event) => setRank(event.currentTarget.value)}
          />
        )}
      </Field>
      <Field name="Params" hint={isAdded ? 'Hidden params keep their values.' : ''}>
        {(id) => <Area id={id} value={text} onType={setText} />}
      </Field>
    </FormDialog>
  );
}
