// Keys, as in the dashboard: `j` and `k` go through the rows of a list, letters do what buttons do. A key means what
// the page says that it means; in a field, in an open window and with another key held down it is the browser's. While
// a page is being loaded its keys wait for it: they are about what it will show.
import { useLayoutEffect, useRef } from 'preact/hooks';
import { after } from '../support/page-clock.ts';

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
/** They leave the page, or need nothing of it. */
const AT_ONCE = /^([1-7?/]|Escape)$/;

let held: string[] = [];

const isThere = (selector: string): boolean => document.querySelector(selector) !== null;
const isLoading = (): boolean => isThere('[aria-busy=true]');
const isAsking = (): boolean => isThere('dialog[open]');

const actOf = (key: string): (() => void) | undefined =>
  known.map((keys) => keys()[key]).findLast((one) => one !== undefined);

export function startKeys(): void {
  addEventListener('keydown', (event) => {
    const { key, target, ctrlKey, metaKey, altKey, defaultPrevented } = event;
    const element = target instanceof Element ? target : document.body;
    if (ctrlKey || metaKey || altKey || defaultPrevented || element.closest(FIELDS)) return;
    if (isAsking()) return;
    if (PRESS.includes(key) && element.closest('button, input, summary, [role=log]')) return;
    const act = actOf(key);
    const waits = held.length > 0 || (isLoading() && key !== 'Enter');
    if (act || (waits && key === 'Enter')) event.preventDefault();
    if (AT_ONCE.test(key)) held = [];
    else if (waits) {
      held.push(key);
      return;
    }
    act?.();
  });
}

/** Does the first of the keys that waited, and then the next. A question is for its reader, not for them. */
export function doHeldKeys(): void {
  if (isAsking()) held = [];
  if (held.length === 0 || isLoading()) return;
  const key = held.shift() ?? '';
  if (key === 'Enter') (document.activeElement as HTMLElement).click();
  else actOf(key)?.();
  after(0, doHeldKeys);
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
