// Jobs by their names, for TypeScript. The interface stands alone here because a program can only add to what is
// re-exported as a whole.

/**
 * The jobs of the project: filled in by the file that `jobrun types` writes. Without it any name and any params are
 * taken.
 */
// biome-ignore lint/suspicious/noEmptyInterface: it is empty until a project adds to it
export interface JobTypes {}
