// The format of everything below the state folder, and the steps that make it of older ones. Each file says which
// format it has. Whoever changes what a file holds raises the number and adds the step, for good.

/** The format that this version writes. */
export const FORMAT = 2;

export type DocumentName = 'manifest' | 'schedules' | 'locks' | 'page';
type Data = Readonly<Record<string, unknown>>;
type Operation = readonly [kind: string, ...rest: unknown[]];

/** Makes of a format the next one. Pure: it is applied again after a crash, and to what is only looked at. */
export interface Step {
  readonly from: number;
  readonly document: (name: DocumentName, data: Data) => Data;
  /** The same for one operation of the journal. */
  readonly operation: (op: Operation) => Operation;
}

/**
 * Format 2 writes a change of a run without what the run saved before (`kept` in run/difference.ts). Format 1 wrote all
 * of it, which reads the same; the number keeps an older jobrun from taking what was left out for removed.
 */
const CHANGES_WITHOUT_WHAT_IS_KEPT: Step = {
  from: 1,
  document: (_, data) => data,
  operation: (op) => op,
};

export const STEPS: readonly Step[] = [CHANGES_WITHOUT_WHAT_IS_KEPT];
