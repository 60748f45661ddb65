// Shown in the place of a run or a job that is not there, or not there yet.
import type { JobrunError } from '../support/errors.ts';
import { asText } from './text.tsx';

export function Missing({ error }: { readonly error: JobrunError | null }) {
  if (error === null)
    return (
      <p class="empty" aria-busy="true">
        loading …
      </p>
    );
  return (
    <div class="alone">
      <h1>{asText(error.message)}</h1>
      <p>{asText(error.hint)}</p>
    </div>
  );
}
