// Chance comes into the house here and nowhere else.

/** A number from 0 up to 1. */
export const random = (): number => Math.random();
