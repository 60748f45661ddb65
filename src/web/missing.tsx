// Shown in the place of a run or a job that is not there, or not there yet.
import type { JobrunError } from '../support/errors.ts';
import { Text } from './text.tsx';

export function Missing({ error }: { readonly error: JobrunError | null }) {
  if (error === null) return <p class="empty">loading …</p>;
  return (
    <div class="alone">
      <h1>
        <Text of={error.message} />
      </h1>
      <p>
        <Text of={error.hint} />
      </p>
    </div>
  );
}
