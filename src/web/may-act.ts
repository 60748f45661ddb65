// True if this page shows actions: with the key for reading only it does not.
import { access } from './api.ts';
import { useTold } from './told.ts';

export const useMayAct = (): boolean => useTold(access) === 'all';
