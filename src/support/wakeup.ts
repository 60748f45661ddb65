// Lets one loop sleep until something has come for it. A wake that comes while it is busy is kept: its next sleep ends at
// once, so that nothing is missed between two looks.

export class Wakeup {
  #woken = false;
  #resolve: (() => void) | null = null;

  readonly wake = (): void => {
    this.#woken = true;
    this.#resolve?.();
  };

  async sleep(): Promise<void> {
    if (!this.#woken) {
      await new Promise<void>((resolve) => {
        this.#resolve = resolve;
      });
    }
    this.forget();
  }

  /** What has come so far has been seen. */
  forget(): void {
    this.#woken = false;
    this.#resolve = null;
  }
}
