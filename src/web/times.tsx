// Times: how far away, with the instant in the project's zone, and in the reader's own, on hover. A shown time moves
// with the clock once a second, while the page can be seen.
import { showRelative } from '../commands/shared/clock-texts.ts';
import { after, now } from '../support/page-clock.ts';
import { ownZone, zone } from './api.ts';
import { isVisible } from './live.ts';
import { Observable, useObservable } from './observable.ts';

const second = new Observable(now());

export function startClock(): void {
  const tick = (): void => {
    if (isVisible()) second.set(now());
    after(1000, tick);
  };
  tick();
}

/** The daemon's clock; its users are drawn once a second. */
export function useNow(): number {
  useObservable(second);
  return now();
}

const formats = new Map<string, Intl.DateTimeFormat>();

/** Making a format costs a thousand times as much as using it, and a log has thousands of times. */
function shown(iso: string, timeZone: string, style: Intl.DateTimeFormatOptions): string {
  const key = timeZone + style.timeStyle;
  const format = formats.get(key) ?? new Intl.DateTimeFormat('en-GB', { ...style, timeZone });
  formats.set(key, format);
  return format.format(Date.parse(iso));
}

/** `23 Nov 2026, 18:30:00 CET`. */
const instantText = (iso: string, timezone: string): string =>
  shown(iso, timezone, { dateStyle: 'medium', timeStyle: 'long' });

/** `18:30:00`. */
export const clockText = (iso: string, timezone: string): string =>
  shown(iso, timezone, { timeStyle: 'medium' });

/** In the project's zone, and in the reader's where that is another one. */
export function hoverText(iso: string, projectZone: string): string {
  const there = instantText(iso, projectZone);
  return projectZone === ownZone ? there : `${there}\n${instantText(iso, ownZone)} (yours)`;
}

interface Props {
  readonly at: string;
  /** The instant itself, in the project's zone. */
  readonly isInstant?: boolean;
}

export function Time({ at, isInstant = false }: Props) {
  const present = useNow();
  const projectZone = useObservable(zone);
  return (
    <time dateTime={at} title={hoverText(at, projectZone)}>
      {isInstant ? instantText(at, projectZone) : showRelative(at, present)}
    </time>
  );
}
