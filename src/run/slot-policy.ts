// The two choices of a schedule: what becomes of the slots that were missed while no daemon ran, and of a slot whose
// earlier run is not settled. Apart from the schedule itself, so that completing a command line loads no more.

export const CATCH_UPS = ['skip', 'once', 'all'] as const;
export const OVERLAPS = ['skip', 'queue', 'replace', 'allow'] as const;

export type CatchUp = (typeof CATCH_UPS)[number];
export type Overlap = (typeof OVERLAPS)[number];
