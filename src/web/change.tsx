// Changing a run that has not started: when it is due, and its params.

import { useState } from 'preact/hooks';
import type { Details } from '../commands/shared/replies.ts';
import type { RunView } from '../run/view.ts';
import type { Json } from '../support/json.ts';
import { ask, errorIn, pathOf } from './api.ts';
import { Dialog } from './dialog.tsx';
import { Field } from './field.tsx';
import { Button } from './parts.tsx';
import { seen } from './run-questions.ts';
import { ShellBlock } from './shell-block.tsx';
import { shellLine } from './shell-line.ts';
import { say } from './toast.tsx';
import { isNow, resolve, WhenField } from './when-field.tsx';

export function ChangeButton({ run }: { readonly run: Details }) {
  const [isOpen, open] = useState(false);
  return (
    <>
      <button type="button" class="btn" data-change onClick={() => open(true)}>
        Change
      </button>
      {isOpen && <ChangeDialog run={run} onClose={() => open(false)} />}
    </>
  );
}

interface Changes {
  readonly params?: Json;
}

async function change(id: string, typed: string, changes: Changes): Promise<void> {
  const isSame = typed.trim() === '';
  const due = isSame ? {} : isNow(typed) ? { in: 0 } : { at: (await resolve(typed)).at };
  const body = { ...due, ...changes };
  await ask<RunView>(`${pathOf('runs', id)}/update`, { method: 'POST', body });
  say(`run ${id} is changed`);
  seen();
}

function ChangeDialog({ run, onClose }: { readonly run: Details; readonly onClose: () => void }) {
  const own = JSON.stringify(run.params, null, 2);
  const [typed, setTyped] = useState('');
  const [params, setParams] = useState(own);
  const [wrong, setWrong] = useState('');
  const isOther = params !== own;
  const line = shellLine(
    ...['update', run.id],
    ...(typed.trim() === '' ? [] : ['--at', typed.trim()]),
    ...(isOther ? ['--params', params] : []),
  );
  const save = async (event: Event): Promise<void> => {
    event.preventDefault();
    try {
      await change(run.id, typed, isOther ? { params: JSON.parse(params) as Json } : {});
      onClose();
    } catch (thrown) {
      const isJson = thrown instanceof SyntaxError;
      setWrong(isJson ? 'Params are no JSON.' : errorIn(thrown).message);
    }
  };
  return (
    <Dialog title={`Change run ${run.id}`} onClose={onClose}>
      <form class="form" onSubmit={save}>
        <WhenField typed={typed} otherwise="due as before" onType={setTyped} />
        <Field name="Params" wrong={wrong}>
          {(id) => (
            <textarea
              id={id}
              value={params}
              spellcheck={false}
              onInput={(event) => setParams(event.currentTarget.value)}
            />
          )}
        </Field>
        <ShellBlock line={line} />
        <div class="act">
          <Button act={onClose}>Leave it</Button>
          <button type="submit" class="btn first">
            Change
          </button>
        </div>
      </form>
    </Dialog>
  );
}
