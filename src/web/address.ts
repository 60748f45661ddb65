// The place of the page, and its key. The daemon may serve it below a path (`base`), from which its script came. The
// key comes behind `#`, which no server gets to see; it is moved into the browser's storage and out of the address.

/** The path in front of every address of ours: empty, or `/jobs`. */
export const BASE: string = new URL('.', import.meta.url).pathname.replace(/\/$/, '');

const KEY_NAME = `jobrun key ${BASE}`;
let key: string | null = null;

export const currentKey = (): string | null => key;

export function setKey(next: string): void {
  key = next;
  localStorage.setItem(KEY_NAME, next);
}

/** Takes the key out of the address, or out of the storage. True where the address had one. */
export function takeKey(): boolean {
  const [, given] = /^#key=([\w-]+)$/.exec(location.hash) ?? [];
  if (given === undefined) {
    key = localStorage.getItem(KEY_NAME);
    return false;
  }
  setKey(given);
  history.replaceState(history.state, '', location.pathname + location.search);
  return true;
}

/** Calls back when another key has come: into the address of this page, or through another page of this browser. */
export function onKey(changed: () => void): void {
  addEventListener('hashchange', () => {
    if (takeKey()) changed();
  });
  addEventListener('storage', ({ key: name, newValue }) => {
    if (name !== KEY_NAME || newValue === key) return;
    key = newValue;
    changed();
  });
}
