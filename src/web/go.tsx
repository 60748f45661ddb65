// A link to one of our own pages: shown without loading anything but what it shows. Opened in another tab, it is a link
// as any other.
import type { ComponentChildren } from 'preact';
import { BASE } from './address.ts';
import { go } from './router.ts';

interface Props {
  readonly to: string;
  readonly children: ComponentChildren;
  /** Going back does not come here again. */
  readonly replace?: boolean;
  readonly class?: string;
  readonly title?: string | undefined;
  readonly tabIndex?: number;
  readonly 'aria-label'?: string;
  readonly 'aria-current'?: 'page' | undefined;
}

export function Go({ to, replace = false, children, ...rest }: Props) {
  const open = (event: MouseEvent): void => {
    if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey)
      return;
    event.preventDefault();
    go(to, replace);
  };
  return (
    <a {...rest} href={BASE + to} onClick={open}>
      {children}
    </a>
  );
}
