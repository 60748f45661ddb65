// A state as a word with a sign: colour alone would tell nothing to those who do not see it.
const SIGNS: Readonly<Record<string, string>> = {
  running: 'M8 1.5a6.5 6.5 0 1 0 6.5 6.5',
  queued: 'M3 4.5h10M3 8h10M3 11.5h6',
  waiting: 'M4 2.5h8M4 13.5h8M5 2.5c0 3.4 6 7.6 6 11M11 2.5c0 3.4-6 7.6-6 11',
  scheduled: 'M8 4v4l2.6 1.8M14.4 8A6.4 6.4 0 1 1 1.6 8a6.4 6.4 0 0 1 12.8 0z',
  done: 'M2.5 8.5l3.6 3.6 7.4-8',
  failed: 'M3.5 3.5l9 9M12.5 3.5l-9 9',
  aborted: 'M3 8h10',
  paused: 'M5.5 3v10M10.5 3v10',
};
const SAME: Readonly<Record<string, string>> = {
  ok: 'done',
  broken: 'failed',
  missing: 'failed',
  stopped: 'aborted',
};

interface Props {
  readonly path: string;
  readonly size?: number;
  /** Values that lie in the path twice stay empty. */
  readonly isFilled?: boolean;
}

export function Sign({ path, size = 13, isFilled = false }: Props) {
  return (
    <svg viewBox="0 0 16 16" width={size} height={size} aria-hidden="true">
      <path
        d={path}
        fill={isFilled ? 'currentColor' : 'none'}
        fill-rule="evenodd"
        stroke="currentColor"
        stroke-width="2"
        stroke-linecap="round"
        stroke-linejoin="round"
      />
    </svg>
  );
}

export function StateMark({ state }: { readonly state: string }) {
  return (
    <span class={`state ${state}`}>
      <Sign path={SIGNS[SAME[state] ?? state] ?? ''} />
      {state}
    </span>
  );
}
