// The page without a key: where it comes from, and a field to put it in.
import { setKey } from './address.ts';

function use(event: SubmitEvent): void {
  event.preventDefault();
  const typed = new FormData(event.currentTarget as HTMLFormElement).get('key');
  setKey(String(typed).replace(/.*#key=/, ''));
  location.reload();
}

export function Locked() {
  return (
    <main id="main" class="alone">
      <form class="panel form" onSubmit={use}>
        <h1>This page needs the key of its daemon</h1>
        <p>
          Run <code>jobrun web</code> in the folder of the project: it opens this page with the key.
        </p>
        <div class="field">
          <label for="key">Key or address</label>
          <input id="key" name="key" autocomplete="off" required />
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
