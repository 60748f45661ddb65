// One request for a log at a time. While its run goes on it is looked at again, less often where that takes long.
import { after, monotonic } from '../support/page-clock.ts';
import { isVisible } from './live.ts';

const EVERY_MS = 700;
const PACE = 9;

export interface Turns {
  /** Does this now, or as soon as what is under way is over; the last one that was asked for counts. */
  readonly take: (act: () => Promise<void>) => void;
  /** Looks as soon as it can: something has changed. */
  readonly look: () => void;
  readonly close: () => void;
}

export function inTurns(
  look: () => Promise<void>,
  isRunning: () => boolean,
  fail: (error: unknown) => void,
): Turns {
  let isBusy = false;
  let wanted: (() => Promise<void>) | null = null;
  let isOver = false;
  let undo = (): void => undefined;
  const soon = (ms: number): void => {
    undo();
    if (isVisible()) undo = after(ms, () => take(look));
  };
  const one = async (act: () => Promise<void>): Promise<void> => {
    isBusy = true;
    wanted = null;
    const began = monotonic();
    try {
      await act();
    } catch (error) {
      fail(error);
    }
    isBusy = false;
    if (wanted && wanted !== look) take(wanted);
    else if (!isOver && (wanted || isRunning()))
      soon(Math.max(EVERY_MS, PACE * (monotonic() - began)));
  };
  const take = (act: () => Promise<void>): void => {
    if (isBusy) wanted = act === look && wanted ? wanted : act;
    else if (!isOver) void one(act);
  };
  return {
    take,
    look: () => soon(0),
    close() {
      isOver = true;
      undo();
    },
  };
}
