// A window with a form: opened by a button, and closed by what it does. A refusal stands in the form.
import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { errorIn } from './api.ts';
import { Dialog } from './dialog.tsx';
import { changed } from './live.ts';
import { Button } from './parts.tsx';
import { ShellBlock } from './shell-block.tsx';
import { asText } from './text.tsx';
import { say } from './toast.tsx';

interface ButtonProps {
  readonly label: string;
  readonly is?: string;
  readonly children: (close: () => void) => ComponentChildren;
}

export function DialogButton({ label, is = '', children }: ButtonProps) {
  const [isOpen, open] = useState(false);
  return (
    <>
      <Button is={is} act={() => open(true)}>
        {label}
      </Button>
      {isOpen && children(() => open(false))}
    </>
  );
}

interface Props {
  readonly title: string;
  readonly label: string;
  readonly line: string;
  /** Resolves with what was done. */
  readonly act: () => Promise<string>;
  readonly close: () => void;
  readonly children: ComponentChildren;
}

export function FormDialog({ title, label, line, act, close, children }: Props) {
  const [wrong, setWrong] = useState('');
  const send = async (event: Event): Promise<void> => {
    event.preventDefault();
    try {
      say(await act());
      changed();
      close();
    } catch (thrown) {
      const { message, hint } = errorIn(thrown);
      setWrong(thrown instanceof SyntaxError ? 'That is no JSON.' : `${message}. ${hint}`);
    }
  };
  return (
    <Dialog title={title} onClose={close}>
      <form class="form" onSubmit={send} noValidate>
        {children}
        {wrong && (
          <p class="err" role="alert">
            {asText(wrong)}
          </p>
        )}
        <ShellBlock line={line} />
        <div class="act">
          <Button act={close}>Leave it</Button>
          <button type="submit" class="btn first">
            {label}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
