// The keys, in a window.

import { useState } from 'preact/hooks';
import { LIST_NAMES } from '../run/run-lists.ts';
import { Dialog } from './dialog.tsx';
import { ROW_KEYS, useKeys } from './keys.ts';
import { Button } from './parts.tsx';
import { go, to } from './router.ts';

const KEYS = `j k ↑ ↓ g G   go through the rows
Enter         open the row
1 2 3 4 5     the lists of runs
6 7           jobs, schedules
/             filter
Space *       mark the row, mark all
a             abort; asks first
r             retry, run now, run again
e             change a run
s             schedule a run
P             pause or resume
l             the log
Esc           back`;

/** The keys that work on every page. */
export function Help() {
  const [isOpen, open] = useState(false);
  useKeys({
    ...ROW_KEYS,
    '?': () => open(true),
    '/': () => document.querySelector<HTMLElement>('input[data-filter]')?.focus(),
    s: () => go(to.jobs),
    ...Object.fromEntries(LIST_NAMES.map((list, i) => [i + 1, () => go(to.runs({ list }))])),
    6: () => go(to.jobs),
    7: () => go(to.schedules),
  });
  if (!isOpen) return null;
  return (
    <Dialog title="Keys" onClose={() => open(false)}>
      <pre class="keys">{KEYS}</pre>
      <div class="act">
        <Button act={() => open(false)}>Close</Button>
      </div>
    </Dialog>
  );
}
