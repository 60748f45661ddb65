// Seeds that once showed a fault, each with what it showed: they are played again at every test. A seed is a life only
// while the simulation draws as it did then; what it showed has, beside it, a test of its own that does not depend on
// chance. A line that plays another life since a change of the simulation says nothing any more and is taken out.
export const SEEDS: readonly (readonly [seed: number, steps: number, showed: string])[] = [
  [
    336776642,
    60,
    'the sync of a new segment failed like that of the last, and lines went on there',
  ],
  [17596503, 60, 'what a full disk had held back was not looked at again when there was room'],
  [47838166, 60, 'a request was forgotten at a start after the clock had been set back'],
];
