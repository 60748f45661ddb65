// Keys, as in the dashboard: `j` and `k` go through the rows of a list, letters do what buttons do. A key means what
// the page says that it means; in a field, in an open window and with another key held down it is the browser's.
import { useLayoutEffect, useRef } from 'preact/hooks';

export type Keys = Readonly<Record<string, () => void>>;

const known: (() => Keys)[] = [];

/**
 * Binds these keys while the component is shown, from the moment that it can be seen: a fast typist is not waited for.
 */
export function useKeys(keys: Keys): void {
  const present = useRef(keys);
  present.current = keys;
  useLayoutEffect(() => {
    const own = (): Keys => present.current;
    known.push(own);
    return () => {
      known.splice(known.indexOf(own), 1);
    };
  }, []);
}

const FIELDS = 'input:not([type=checkbox]), select, textarea';
/** They press what has the focus. */
const PRESS = ['Enter', ' '];

export function startKeys(): void {
  addEventListener('keydown', (event) => {
    const { key, target, ctrlKey, metaKey, altKey, defaultPrevented } = event;
    const element = target instanceof Element ? target : document.body;
    if (ctrlKey || metaKey || altKey || defaultPrevented || element.closest(FIELDS)) return;
    if (document.querySelector('dialog[open]')) return;
    if (PRESS.includes(key) && element.closest('button, input, summary, [role=log]')) return;
    const act = known.map((keys) => keys()[key]).findLast((one) => one !== undefined);
    if (!act) return;
    event.preventDefault();
    act();
  });
}

const rows = (): HTMLElement[] => [...document.querySelectorAll<HTMLElement>('tr[data-id]')];

/** The id or name of the row that has the focus. */
export const focusedRow = (): string | null =>
  document.activeElement?.closest<HTMLElement>('tr[data-id]')?.dataset.id ?? null;

/** The row that was chosen last: who comes back to a list goes on from there. */
let last: string | undefined;

function focusRow(at: number): void {
  const all = rows();
  const row = all[Math.max(0, Math.min(at, all.length - 1))];
  last = row?.dataset.id;
  row?.querySelector<HTMLElement>('a')?.focus();
  row?.scrollIntoView({ block: 'nearest' });
}

const rowAt = (): number =>
  rows().findIndex(({ dataset }) => dataset.id === (focusedRow() ?? last));

const down = (): void => focusRow(rowAt() + 1);
const up = (): void => focusRow(rowAt() - 1);

/** The ways through the rows of any list. */
export const ROW_KEYS: Keys = {
  j: down,
  ArrowDown: down,
  k: up,
  ArrowUp: up,
  g: () => focusRow(0),
  G: () => focusRow(rows().length - 1),
};
