// The page without a key: where it comes from, and a field to put it in.
import { useState } from 'preact/hooks';
import { setKey } from './address.ts';

/** The key alone, or the address that ends in it. */
const keyIn = (typed: string): string | null =>
  /(?:^|#key=)([\w-]+)$/.exec(typed.trim())?.[1] ?? null;

export function Locked() {
  const [isWrong, tell] = useState(false);
  const use = (event: SubmitEvent): void => {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    const key = keyIn(String(new FormData(form).get('key') ?? ''));
    if (key === null) tell(true);
    else {
      setKey(key);
      location.reload();
    }
  };
  return (
    <main id="main" class="alone">
      <form class="panel form" onSubmit={use}>
        <h1>This page needs the key of its daemon</h1>
        <p>
          Run <code>jobrun web</code> in the folder of the project: it prints the address of this
          page with the key, and opens it.
        </p>
        <div class={isWrong ? 'field bad' : 'field'}>
          <label for="key">Key, or the address with it</label>
          <input id="key" name="key" type="password" autocomplete="off" required />
          {isWrong && (
            <span class="err" role="alert">
              That is no key.
            </span>
          )}
        </div>
        <p>
          <button type="submit" class="btn first">
            Open
          </button>
        </p>
      </form>
    </main>
  );
}
