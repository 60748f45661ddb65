// True if this page shows actions: with the key for reading only it does not.
import { access } from './api.ts';
import { useObservable } from './observable.ts';

export const useMayAct = (): boolean => useObservable(access) === 'all';
