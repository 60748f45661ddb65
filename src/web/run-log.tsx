// The log of a run: it follows what is said until its reader scrolls up, can be searched, and can be saved as a file.

import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { LogLine } from '../run/view.ts';
import { after } from '../support/page-clock.ts';
import { count, showCount } from '../support/text.ts';
import { zone } from './api.ts';
import { fileOf } from './log-parts.ts';
import { type LogReader, readLog, type Shown } from './log-reader.ts';
import { fieldsText, type Piece } from './log-window.ts';
import { useObservable } from './observable.ts';
import { Button } from './parts.tsx';
import { asText } from './text.tsx';
import { clockText, hoverText } from './times.tsx';
import { complain } from './toast.tsx';

/** So near to its end a log is at its end. */
const NEAR = 24;
const TYPING_MS = 200;

interface Props {
  readonly id: string;
  readonly isRunning: boolean;
}

export function RunLog({ id, isRunning }: Props) {
  const running = useRef(isRunning);
  running.current = isRunning;
  const reader = useMemo(() => readLog(id, () => running.current), [id]);
  useEffect(() => () => reader.close(), [reader]);
  const shown = useObservable(reader.shown);
  const [typed, setTyped] = useState('');
  useEffect(() => after(TYPING_MS, () => reader.search(typed)), [typed, reader]);
  return (
    <section class="panel" aria-label="Log">
      <h2>
        Log <span class="muted">{countText(shown)}</span>
        <div class="sub">
          <input
            type="search"
            placeholder="Find in the log"
            aria-label="Find in the log"
            value={typed}
            onInput={(event) => setTyped(event.currentTarget.value)}
          />
          <label>
            <input
              class="check"
              type="checkbox"
              checked={shown.follows}
              onChange={(event) => reader.follow(event.currentTarget.checked)}
            />{' '}
            Follow
          </label>
          <Button is="small" act={() => void download(id)}>
            Download
          </Button>
        </div>
      </h2>
      {shown.error && (
        <p class="refused" role="alert">
          {asText(shown.error.message)}
        </p>
      )}
      {shown.found ? (
        <FoundLines shown={shown} query={typed} />
      ) : (
        <Lines reader={reader} shown={shown} />
      )}
    </section>
  );
}

function countText({ total, found, searched }: Shown): string {
  const all = count(total, 'line');
  if (found === null) return all;
  return `${showCount(found.length)} found in ${searched < total ? `${showCount(searched)} of ` : ''}${all}`;
}

interface LinesProps {
  readonly reader: LogReader;
  readonly shown: Shown;
}

function Lines({ reader, shown }: LinesProps) {
  const { window, total, follows } = shown;
  const timezone = useObservable(zone);
  const box = useRef<HTMLDivElement>(null);
  const held = useRef(0);
  useLayoutEffect(() => {
    const { current } = box;
    if (!current) return;
    const first = window[0]?.first ?? 0;
    if (follows) current.scrollTop = current.scrollHeight;
    // A browser leaves the lines on the screen where they are when others come in above, but not at the very top.
    else if (first < held.current && current.scrollTop === 0)
      current.scrollTop = heightBefore(current, held.current);
    held.current = first;
  }, [window, follows]);
  const scrolled = (): void => {
    const { current } = box;
    if (!current) return;
    const left = current.scrollHeight - current.clientHeight - current.scrollTop;
    if (left > NEAR && follows) reader.follow(false);
    if (current.scrollTop < NEAR) reader.before();
    if (left < NEAR && !follows) {
      if ((window.at(-1)?.last ?? 0) >= total) reader.follow(true);
      else reader.next();
    }
  };
  return (
    <div class="log" ref={box} tabIndex={0} role="log" aria-live="off" onScroll={scrolled}>
      {window.map((piece) => (
        <PieceLines key={piece.first} piece={piece} timezone={timezone} />
      ))}
      {total === 0 && <p class="empty">It has said nothing.</p>}
    </div>
  );
}

/** How tall everything before this piece is. */
function heightBefore(box: HTMLElement, first: number): number {
  const piece = box.querySelector<HTMLElement>(`[data-first="${first}"]`);
  const top = box.firstElementChild as HTMLElement | null;
  return piece && top ? piece.offsetTop - top.offsetTop : 0;
}

/** Drawn once: of a log that grows only the end is another. */
function PieceLines({ piece, timezone }: { readonly piece: Piece; readonly timezone: string }) {
  return useMemo(
    () => (
      <section data-first={piece.first}>
        {piece.lines.map((line, i) => (
          <Line key={piece.first + i} line={line} timezone={timezone} />
        ))}
      </section>
    ),
    [piece, timezone],
  );
}

function FoundLines({ shown, query }: { readonly shown: Shown; readonly query: string }) {
  return (
    <div class="log" tabIndex={0} role="log" aria-live="off">
      {shown.found?.map(({ n, line }) => (
        <Line key={n} line={line} timezone={zone.value} query={query} />
      ))}
    </div>
  );
}

interface LineProps {
  readonly line: LogLine;
  readonly timezone: string;
  readonly query?: string;
}

function Line({ line, timezone, query = '' }: LineProps) {
  const { at, level, stream, text } = line;
  const fields = fieldsText(line);
  return (
    <div class={stream === 'log' ? level : `${level} out`}>
      <time dateTime={at} title={hoverText(at, timezone)}>
        {clockText(at, timezone)}
      </time>
      <span>
        {(level === 'warn' || level === 'error') && <b class="hidden">{level}: </b>}
        <Marked text={text} query={query} />
        {fields !== '' && (
          <i>
            {' '}
            <Marked text={fields} query={query} />
          </i>
        )}
      </span>
    </div>
  );
}

/** A text with what is looked for marked. */
function Marked({ text, query }: { readonly text: string; readonly query: string }) {
  if (query === '') return asText(text);
  const wanted = new RegExp(`(${query.replace(/[^\w\s]/g, '\\$&')})`, 'i');
  return (
    <>
      {text
        .split(wanted)
        .map((part, i) => (i % 2 === 0 ? asText(part) : <mark>{asText(part)}</mark>))}
    </>
  );
}

async function download(id: string): Promise<void> {
  try {
    const url = URL.createObjectURL(new Blob(await fileOf(id), { type: 'text/plain' }));
    const link = document.createElement('a');
    link.href = url;
    link.download = `jobrun-${id}.log`;
    link.click();
    after(60_000, () => URL.revokeObjectURL(url));
  } catch (error) {
    complain(error);
  }
}
