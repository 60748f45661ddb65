// Times: how far away, with the instant in the project's zone, and in the reader's own, on hover. What is shown moves with
// the clock once a second, while the page can be seen.
import { showRelative } from '../commands/shared/clock-texts.ts';
import { showInstant } from '../support/instants.ts';
import { after, now } from '../support/page-clock.ts';
import { zone } from './api.ts';
import { isVisible } from './live.ts';
import { Told, useTold } from './told.ts';

const second = new Told(now());

export function startClock(): void {
  const tick = (): void => {
    if (isVisible()) second.tell(now());
    after(1000, tick);
  };
  tick();
}

/** The daemon's clock; whoever uses it is drawn once a second. */
export function useNow(): number {
  useTold(second);
  return now();
}

const ownZone = new Intl.DateTimeFormat().resolvedOptions().timeZone;

/** `Mon 23 Nov 2026 18:30 CET`, without how far away that is. */
export const instantText = (iso: string, timezone: string): string =>
  showInstant(Date.parse(iso), timezone, Date.parse(iso)).replace(/, now$/, '');

/** In the project's zone, and in the reader's where that is another one. */
export function hoverText(iso: string, projectZone: string): string {
  const there = instantText(iso, projectZone);
  return projectZone === ownZone ? there : `${there}\n${instantText(iso, ownZone)} (yours)`;
}

export function Time({ at }: { readonly at: string }) {
  const present = useNow();
  const projectZone = useTold(zone);
  return (
    <time dateTime={at} title={hoverText(at, projectZone)}>
      {showRelative(at, present)}
    </time>
  );
}
