// From the store to React: the view as it is now, and a new one at each change and each tick.
import { useEffect, useSyncExternalStore } from 'react';
import { nextTickMs } from './frame.ts';
import type { Store, View } from './store.ts';

export function useView(store: Store): View {
  const view = useSyncExternalStore(store.subscribe, store.view);
  useEffect(() => {
    const undo = store.clock.after(nextTickMs(view.model, view.now) + 2, () => store.tick());
    return undo;
  }, [store, view]);
  return view;
}
