// Chance comes into the house here and nowhere else.

import { getBuiltinModule } from 'node:process';

/** A number from 0 up to 1. */
export const random = (): number => Math.random();

/** A text that nobody else has. Loaded with the first one: a command that only looks needs none. */
export const newId = (): string => getBuiltinModule('node:crypto').randomUUID();
