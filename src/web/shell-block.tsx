// A line for the shell, and the button that copies a text.

import { useState } from 'preact/hooks';
import { after } from '../support/page-clock.ts';
import { Button } from './parts.tsx';
import { asText } from './text.tsx';

export function ShellBlock({ line }: { readonly line: string }) {
  return (
    <div class="shell">
      <code>{asText(line)}</code>
      <CopyButton text={line} what="the line" />
    </div>
  );
}

const SHOWN_MS = 2000;

export function CopyButton({ text, what }: { readonly text: string; readonly what: string }) {
  const [word, setWord] = useState('Copy');
  const copy = async (): Promise<void> => {
    setWord((await copied(text)) ? 'Copied' : 'Not copied');
    after(SHOWN_MS, () => setWord('Copy'));
  };
  return (
    <Button is="small" label={`${word} ${what}`} act={copy}>
      <span aria-live="polite">{word}</span>
    </Button>
  );
}

async function copied(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // A browser has no clipboard for pages at an address that is not safe, and may refuse it to others.
    return false;
  }
}
