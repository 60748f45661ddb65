// The values that the steps of a run have saved, by their names. A run may have tens of thousands, each saved by
// itself. One more is a new head of the same chain, so it copies nothing, and a holder of the chain before it still has
// the old one. In a file they are one object.
import type { Json } from '../support/json.ts';
import { weightOfValue } from '../support/weight.ts';

/** Steps as a file has them, and as a worker gets them. */
export type StepValues = Readonly<Record<string, Json>>;

const OF_A_STEP = 64;

export class Steps {
  readonly before: Steps | null;
  readonly name: string;
  readonly value: Json;
  /** Estimated heap of this one and all before it. */
  readonly bytes: number;

  constructor(before: Steps | null, name: string, value: Json) {
    this.before = before;
    this.name = name;
    this.value = value;
    const own = OF_A_STEP + weightOfValue(name) + weightOfValue(value);
    this.bytes = own + (before?.bytes ?? 0);
  }

  /** Null where there are none. */
  static of(values: StepValues, before: Steps | null = null): Steps | null {
    let last = before;
    for (const [name, value] of Object.entries(values)) last = new Steps(last, name, value);
    return last;
  }

  /** Those that were saved after `earlier`, of each the latest value; null where it is no part of these. */
  since(earlier: Steps | null): StepValues | null {
    const entries: [string, Json][] = [];
    let step: Steps | null = this;
    for (; step !== null && step !== earlier; step = step.before)
      entries.push([step.name, step.value]);
    return step === earlier ? Object.fromEntries(entries.reverse()) : null;
  }

  toJSON(): StepValues {
    return this.since(null) as StepValues;
  }
}
