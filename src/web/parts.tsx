// The pieces that every page is made of: a button, a panel with its title, and the head of a page.
import type { ComponentChildren } from 'preact';
import { Go } from './go.tsx';
import { StateMark } from './state-mark.tsx';
import { asText } from './text.tsx';

interface ButtonProps {
  /** `first`: the main one; `harm`: it ends work or cannot be undone; `small`. */
  readonly is?: string;
  readonly act: () => unknown;
  readonly label?: string;
  readonly children: ComponentChildren;
}

export function Button({ is = '', act, label, children }: ButtonProps) {
  return (
    <button type="button" class={`btn ${is}`} aria-label={label} onClick={() => void act()}>
      {children}
    </button>
  );
}

interface PanelProps {
  readonly title: ComponentChildren;
  readonly is?: string;
  /** Shown right of the title. */
  readonly side?: ComponentChildren;
  readonly children: ComponentChildren;
}

export function Panel({ title, is = '', side, children }: PanelProps) {
  return (
    <section class={`panel ${is}`}>
      <h2>
        {title}
        <span class="grow" />
        {side}
      </h2>
      {children}
    </section>
  );
}

interface HeadProps {
  /** The pages above this one, by their addresses. */
  readonly above: readonly (readonly [to: string, title: string])[];
  readonly title: ComponentChildren;
  readonly state?: string;
  /** The buttons. */
  readonly children?: ComponentChildren;
}

export function Head({ above, title, state, children }: HeadProps) {
  return (
    <>
      <div class="crumbs">
        {above.map(([to, name], i) => (
          <>
            {i > 0 && ' / '}
            <Go to={to}>{asText(name)}</Go>
          </>
        ))}
      </div>
      <div class="title">
        <h1>{title}</h1>
        {state && <StateMark state={state} />}
        <span class="grow" />
        {children}
      </div>
    </>
  );
}

const NUMBERS = /Waits|Runs|Done|Errors|Skipped/;

/** The titles of a table. */
export function Titles({
  names,
  end,
}: {
  readonly names: readonly string[];
  readonly end: boolean;
}) {
  return (
    <thead>
      <tr>
        {names.map((name) => (
          <th scope="col" class={NUMBERS.test(name) ? 'num' : ''}>
            {name}
          </th>
        ))}
        {end && (
          <th scope="col">
            <span class="hidden">Actions</span>
          </th>
        )}
      </tr>
    </thead>
  );
}
