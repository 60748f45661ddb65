// Listening for the abort of a signal. Node prints a warning when a signal gets its eleventh listener, but hundreds of
// waits may share one signal. So each signal has a single listener, which calls all that wait.

/** The reason of a wait's abort where its client has closed its sending side: the answer is still wanted. */
export const HALF_CLOSED = 'the client has closed its sending side';

/** True where the answer is no longer wanted. */
export const hasGone = ({ aborted, reason }: AbortSignal): boolean =>
  aborted && reason !== HALF_CLOSED;

interface Hub {
  readonly waiting: Set<() => void>;
  readonly listener: () => void;
}

const hubs = new WeakMap<AbortSignal, Hub>();

/** Calls `fn` when the signal is aborted, and returns its undo. An abort that came before is not heard. */
export function onAbort(signal: AbortSignal, fn: () => void): () => void {
  const hub = hubs.get(signal) ?? openHub(signal);
  // One function may wait twice; each undo ends one of the two.
  const call = (): void => fn();
  hub.waiting.add(call);
  return () => {
    hub.waiting.delete(call);
    // A worker counts the listeners of a job's signal, so an idle one must not stay.
    if (hub.waiting.size === 0 && hubs.get(signal) === hub) closeHub(signal, hub);
  };
}

function openHub(signal: AbortSignal): Hub {
  const waiting = new Set<() => void>();
  const hub = {
    waiting,
    listener: () => {
      closeHub(signal, hub);
      for (const call of waiting) call();
    },
  };
  hubs.set(signal, hub);
  signal.addEventListener('abort', hub.listener);
  return hub;
}

function closeHub(signal: AbortSignal, hub: Hub): void {
  hubs.delete(signal);
  signal.removeEventListener('abort', hub.listener);
}
