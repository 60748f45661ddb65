// Questions before something is done. Enter and Esc never end work: the button that keeps things as they are has the
// focus, and each question shows the line of the shell that does the same.

import type { ComponentChildren } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';
import { Observable, useObservable } from './observable.ts';
import { Button } from './parts.tsx';
import { ShellBlock } from './shell-block.tsx';

export interface Answer {
  readonly label: string;
  /** It ends work, or cannot be undone. */
  readonly harms?: boolean;
  readonly act: () => void;
}

export interface Question {
  readonly title: ComponentChildren;
  readonly about: ComponentChildren;
  readonly shell: string | null;
  /** The button that leaves all as it is. */
  readonly keep?: string;
  readonly answers: readonly Answer[];
}

const asked = new Observable<Question | null>(null);

export const askFirst = (question: Question): void => asked.set(question);

export function QuestionDialog() {
  const question = useObservable(asked);
  if (question === null) return null;
  const { title, about, shell, keep = 'Leave it', answers } = question;
  const close = (): void => asked.set(null);
  return (
    <Dialog title={title} onClose={close}>
      <div class="about">{about}</div>
      {shell !== null && <ShellBlock line={shell} />}
      <div class="act">
        <Button act={close}>{keep}</Button>
        {answers.map(({ label, harms = false, act }) => (
          <Button
            is={harms ? 'harm' : 'first'}
            act={() => {
              close();
              act();
            }}
          >
            {label}
          </Button>
        ))}
      </div>
    </Dialog>
  );
}

interface Props {
  readonly title: ComponentChildren;
  readonly children: ComponentChildren;
  readonly onClose: () => void;
}

/**
 * A modal window. The element that opened it gets the focus back. Esc takes it away at once: a browser that closes one
 * itself leaves the focus in it until the next frame, and the keys of that moment would be lost.
 */
export function Dialog({ title, children, onClose }: Props) {
  const dialog = useRef<HTMLDialogElement>(null);
  useLayoutEffect(() => {
    const { current } = dialog;
    current?.showModal();
    current?.querySelector<HTMLElement>('[data-first], .act button')?.focus();
    return () => current?.close();
  }, []);
  return (
    <dialog ref={dialog} aria-labelledby="question" onCancel={onClose}>
      <h2 id="question">{title}</h2>
      {children}
    </dialog>
  );
}
