// The engine on a state that src/store opens.
import {
  type OpenedState,
  openState,
  type OpenOptions as StateOptions,
  serveRecovered as serve,
} from '../../store/recovery.ts';
import { FileEngine } from './file-engine.ts';
import { heapForRuns, Room } from './room.ts';
import { type Found, newTables, type RunStore } from './tables.ts';

export interface OpenOptions extends StateOptions {
  /** Heap that runs may take, where it is not a part of this process's. */
  readonly heap?: number;
}

/** Opens the state folder of a project, which the caller holds the lock of. Throws as `openState` does. */
export const openFileEngine = (options: OpenOptions): Promise<OpenedState<FileEngine>> =>
  openState(options, newTables, engineOf(options));

/** Goes on from what was put together by a repair. */
export const serveRecovered = (options: OpenOptions, recovered: Found): Promise<FileEngine> =>
  serve(options, recovered, engineOf(options));

const engineOf =
  ({ clock, heap = heapForRuns() }: OpenOptions) =>
  (store: RunStore): FileEngine => {
    const { tables, writes } = store.opened;
    if (writes) tables.forgetIdleWorkers();
    return new FileEngine(store, new Room(tables.paged, heap), clock);
  };
