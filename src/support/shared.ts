// A look at something that changes, asked for by many at once: one answers all who asked before it began, and looks
// follow one another. A caller that asks while one is under way gets the next, because what it missed may be what was
// asked for.

export function shared<T>(look: () => Promise<T>): () => Promise<T> {
  let next: Promise<T> | null = null;
  let last: Promise<unknown> = Promise.resolve();
  const begin = async (): Promise<T> => {
    await last;
    next = null;
    const looking = look();
    // Its callers hear of its error; the next look only waits for its end.
    last = looking.catch(() => undefined);
    return looking;
  };
  return () => {
    next ??= begin();
    return next;
  };
}
