// A text that a job or a caller wrote: never markup, and with nothing in it that cannot be seen.
import { partsOf } from './visible-text.ts';

/** A function rather than a component: the page calls it sixty times, and its scripts have a limit of bytes. */
export const asText = (text: string) => (
  <bdi>
    {partsOf(text).map((part, i) => (i % 2 === 0 ? part : <span class="code">{part}</span>))}
  </bdi>
);
