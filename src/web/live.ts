// How a page learns that something has changed. A browser opens six connections to a daemon, so the tabs of a browser
// share one stream: the tab that holds the lock `navigator.locks` gives has it, and tells the others over a channel.
// Only a visible tab asks for the lock, and it gives the lock back when it is hidden: a hidden page asks for nothing.
// When the tab with the stream is closed, the browser gives the lock to the next one. Pages that are not at a safe
// address (plain HTTP under a host name) get no locks; each of them has a stream of its own.
import { delay } from '../support/page-clock.ts';
import { BASE, currentKey } from './address.ts';
import { askClock, hear } from './api.ts';
import { Observable } from './observable.ts';

/** `locked`: there is no key, or a wrong one. */
export type Link = 'connecting' | 'live' | 'off' | 'locked';

export const link = new Observable<Link>('connecting');

/** Grows when what is shown may be out of date. */
export const changes = new Observable(0);

export const isVisible = (): boolean => document.visibilityState !== 'hidden';

/** The daemon says every second that it is there; one that has not for so long is stopped. */
const SILENT_MS = 2500;
const AGAIN_MS = 1000;

type Message = { readonly link: Link } | { readonly changed: true } | { readonly asks: true };

const channel = new BroadcastChannel(`jobrun ${BASE}`);
let leads = false;

export function startLive(): void {
  channel.addEventListener('message', ({ data }: MessageEvent<Message>) => {
    if ('asks' in data) {
      if (leads) channel.postMessage({ link: link.value });
    } else if (!leads && 'changed' in data) changed();
    else if (!leads && 'link' in data) become(data.link);
  });
  let ending = new AbortController();
  const look = (): void => {
    ending.abort();
    if (!isVisible()) return;
    ending = new AbortController();
    void takePart(ending.signal);
    changed();
  };
  document.addEventListener('visibilitychange', look);
  look();
}

/** Asks again for what is shown. */
export const changed = (): void => changes.set(changes.value + 1);

/** The link as it is now. Changes that were missed while it was down are asked for. */
function become(next: Link): void {
  const was = link.value;
  link.set(next);
  if (next === 'live' && was !== 'live') {
    // The zone, or the clock, may be another one since; without an answer they stay as they are.
    askClock().catch(() => undefined);
    changed();
  }
}

async function takePart(signal: AbortSignal): Promise<void> {
  channel.postMessage({ asks: true });
  if (!navigator.locks) return lead(signal);
  try {
    await navigator.locks.request(`jobrun ${BASE}`, { signal }, () => lead(signal));
  } catch (error) {
    // Hidden again before the lock was there.
    if (!signal.aborted) throw error;
  }
}

async function lead(signal: AbortSignal): Promise<void> {
  leads = true;
  while (!signal.aborted) {
    const key = currentKey();
    const isKnown = key === null ? false : await listen(signal);
    if (signal.aborted) break;
    lose(isKnown ? 'off' : 'locked');
    await delay(AGAIN_MS);
    // Only another key can help.
    while (!isKnown && !signal.aborted && currentKey() === key) await delay(AGAIN_MS);
  }
  leads = false;
}

function lose(next: Link): void {
  become(next);
  channel.postMessage({ link: next });
}

/** Tells of changes as long as the stream lasts. False where the key was refused. */
async function listen(signal: AbortSignal): Promise<boolean> {
  try {
    const { status } = await hear('changes', signal, SILENT_MS, (text) => {
      if (text === '') lose('live');
      if (!text.includes('data:')) return;
      changed();
      channel.postMessage({ changed: true });
    });
    return status !== 401;
  } catch {
    // Ended from there, or silent: the same to those who look.
    return true;
  }
}
