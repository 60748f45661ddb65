// The keys, in a window.

import { useState } from 'preact/hooks';
import { LIST_NAMES } from '../run/run-lists.ts';
import { Dialog } from './dialog.tsx';
import { ROW_KEYS, useKeys } from './keys.ts';
import { Button } from './parts.tsx';
import { go, to } from './router.ts';

const KEYS = `j k ↑ ↓ g G\tgo through the rows
Enter\topen the row
1 2 3 4 5\tthe lists of runs
6 7\tjobs, schedules
/\tfilter
Space *\tmark the row, mark all
a\tabort; asks first
r\tretry, run now, run again
R\tedit and run
e\tchange a run
c f\tcomplete, fail
s\tschedule a run
P\tpause or resume
x\tremove a schedule
l\tthe log
Esc\tback`;

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
