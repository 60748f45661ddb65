// A text that a job or a caller wrote: never markup, and with nothing in it that cannot be seen.
import { isPlain, partsOf } from './visible-text.ts';

export function Text({ of }: { readonly of: string }) {
  if (isPlain(of)) return <bdi>{of}</bdi>;
  return (
    <bdi>
      {partsOf(of).map(({ text, isCode }, i) =>
        isCode ? (
          <span class="code" key={i}>
            {text}
          </span>
        ) : (
          text
        ),
      )}
    </bdi>
  );
}
