// The latest replies to the dashboard: the window of a list, and all of one run, job or schedule.
import type { Results } from '../commands/results.ts';
import type { JobView } from '../commands/shared/replies.ts';
import type { ShortRun } from '../commands/shared/views.ts';
import type { ScheduleView, ShortSchedule } from '../run/schedule.ts';
import type { AttemptView, RunView } from '../run/view.ts';

export type List = Window &
  (
    | { readonly of: 'run'; readonly rows: readonly ShortRun[] }
    | { readonly of: 'job'; readonly rows: readonly JobView[] }
    | { readonly of: 'schedule'; readonly rows: readonly ShortSchedule[] }
  );

export interface Window {
  /** Rows of the whole list. */
  readonly total: number;
  /** How many stand before the window. */
  readonly offset: number;
  /** The place of the row under the cursor; null if it is not in the list. */
  readonly at: number | null;
  /** False while runs are looked at one by one: there may be more, and `total` counts those found. */
  readonly complete: boolean;
}

export type Detail =
  | {
      readonly kind: 'run';
      readonly run: RunView;
      /** The latest ones. */
      readonly attempts: readonly AttemptView[];
      /** The end of the result table; null while it has not been read. */
      readonly results: Results | null;
    }
  | {
      readonly kind: 'job';
      readonly job: JobView;
      readonly runs: readonly ShortRun[];
      /** More of those that are settled, last settled first. */
      readonly history: readonly ShortRun[];
    }
  | { readonly kind: 'schedule'; readonly schedule: ScheduleView };

/** The id of the run, or the name of the job or schedule. */
export function idOf(detail: Detail): string {
  if (detail.kind === 'run') return detail.run.id;
  return detail.kind === 'job' ? detail.job.name : detail.schedule.name;
}

/** The names of the rows in a window. */
export const namesIn = ({ rows }: List): readonly string[] =>
  rows.map((row) => ('id' in row ? row.id : row.name));
