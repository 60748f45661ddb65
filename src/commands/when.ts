// The instant that a typed time means, for a form that shows it while it is typed. No command of its own: `schedule
// --at` echoes what it has read.
import { isoOf } from '../support/clock.ts';
import type { Command } from './shared/command.ts';
import { text, zone } from './shared/kinds.ts';
import { needed, option } from './shared/options.ts';

export interface When {
  readonly at: string;
  readonly zone: string;
  /** `Mon 23 Nov 2026 18:30 CET, in 23h 48m`. */
  readonly text: string;
  /** A warning: the time is past, or the clock shows it twice. */
  readonly note: string | null;
}

const options = {
  at: needed(text(200), 'a time as it is typed behind --at'),
  timezone: { ...option('--tz <zone>', zone, "its time zone; default: the config's"), name: 'tz' },
};

export const when: Command<typeof options, When> = {
  name: 'when',
  reads: true,
  about: 'The instant that a typed time means.',
  examples: [],
  options,

  async handle({ at: typed, timezone }, { clock, config }) {
    const { parseInstant } = await import('../support/typed-times.ts');
    const { showInstant } = await import('../support/instants.ts');
    const here = { now: clock.now(), timezone: timezone ?? config.timezone };
    const { at, note } = parseInstant(typed, here);
    return {
      at: isoOf(at),
      zone: here.timezone,
      text: showInstant(at, here.timezone, here.now),
      note,
    };
  },

  show: () => undefined,
};
