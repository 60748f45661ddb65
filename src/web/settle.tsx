// Settling a run that waits for an outside result: with an output it is done, with a message it has failed.

import { useState } from 'preact/hooks';
import { capital } from '../support/text.ts';
import { Area, Field } from './field.tsx';
import { DialogButton, FormDialog } from './form-dialog.tsx';
import { actOn } from './run-questions.ts';
import { shellLine } from './shell-line.ts';

const WAYS = {
  complete: { field: 'Output', kind: 'JSON', option: 'output', ended: 'done' },
  fail: { field: 'Message', kind: '', option: 'message', ended: 'failed' },
} as const;

interface Props {
  readonly id: string;
  readonly what: keyof typeof WAYS;
}

export const SettleButton = ({ id, what }: Props) => (
  <DialogButton label={capital(what)} is={what === 'fail' ? 'fail harm' : 'complete first'}>
    {(close) => <SettleDialog id={id} what={what} close={close} />}
  </DialogButton>
);

function SettleDialog({ id, what, close }: Props & { readonly close: () => void }) {
  const label = capital(what);
  const { field, kind, option, ended } = WAYS[what];
  const [text, setText] = useState('');
  const act = async (): Promise<string> => {
    const body = text && { [option]: kind ? JSON.parse(text) : text };
    await actOn({ id }, what, body || {});
    return `run ${id} is ${ended}`;
  };
  const line = shellLine(what, id, ...(text ? [`--${option}`, text] : []));
  return (
    <FormDialog title={`${label} run ${id}`} label={label} line={line} act={act} close={close}>
      <Field name={field} kind={kind}>
        {(id) => <Area id={id} value={text} onType={setText} />}
      </Field>
    </FormDialog>
  );
}
