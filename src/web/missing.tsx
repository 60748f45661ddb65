// Shown in the place of a run or a job that is not there, or not there yet.
import type { ApiError } from './api-error.ts';
import { asText } from './text.tsx';

export function Missing({ error }: { readonly error: ApiError | null }) {
  if (error === null) return <p class="empty">loading …</p>;
  return (
    <div class="alone">
      <h1>{asText(error.message)}</h1>
      <p>{asText(error.hint)}</p>
    </div>
  );
}
