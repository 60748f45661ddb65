// The format of everything below the state folder, and the steps that make it of older ones. Each file says which
// format it has. Whoever changes what a file holds raises the number and adds the step, for good.

/** The format that this version writes. */
export const FORMAT = 1;

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

/** None yet: there was no format before 1. */
export const STEPS: readonly Step[] = [];
