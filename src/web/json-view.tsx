// A JSON value as it was given, in colours. A very large one is cut: the copy has all of it.
import type { Json } from '../support/json.ts';
import { Panel } from './parts.tsx';
import { CopyButton } from './shell-block.tsx';
import { asText } from './text.tsx';

const MOST = 20_000;
const PARTS = /("(?:\\.|[^"\\])*"|\b(?:true|false|null)\b|-?\d[\d.eE+-]*)/;

/** The colour of a part: a key, a string, a word, a number; none for what is between them. */
function classOf(part: string, next: string): string {
  if (part.startsWith('"')) return next.startsWith(':') ? 'k' : 's';
  if (/^[tfn]/.test(part)) return 'b';
  return 'n';
}

export function JsonView({ name, value }: { readonly name: string; readonly value: Json }) {
  const text = JSON.stringify(value, null, 2);
  const shown = text.slice(0, MOST);
  const parts = shown.split(PARTS);
  return (
    <Panel title={name} side={<CopyButton text={text} what={name.toLowerCase()} />}>
      <pre class="json" tabIndex={0} aria-label={name} role="region">
        {parts.map((part, i) =>
          i % 2 === 0 ? (
            asText(part)
          ) : (
            <span class={classOf(part, parts[i + 1] ?? '')}>{asText(part)}</span>
          ),
        )}
        {text.length > MOST && <em> … cut: Copy has all of it</em>}
      </pre>
    </Panel>
  );
}
