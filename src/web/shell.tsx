// The frame of every page: the project, the ways to the other pages, whether the daemon is there, and the theme.

import type { ComponentChildren } from 'preact';
import type { Status } from '../commands/shared/replies.ts';
import { BASE } from './address.ts';
import { QuestionDialog } from './dialog.tsx';
import { Go } from './go.tsx';
import { Help } from './help.tsx';
import { type Link, link } from './live.ts';
import { useMayAct } from './may-act.ts';
import { useObservable } from './observable.ts';
import { Button } from './parts.tsx';
import { place, to } from './router.ts';
import { Sign } from './state-mark.tsx';
import { asText } from './text.tsx';
import { chooseTheme, nextTheme, theme } from './theme.ts';
import { Toast } from './toast.tsx';

interface Props {
  readonly status: Status | null;
  readonly children: ComponentChildren;
}

export function Shell({ status, children }: Props) {
  const { page } = useObservable(place);
  const isAt = (...pages: readonly string[]) => (pages.includes(page) ? 'page' : undefined);
  const mayAct = useMayAct();
  return (
    <>
      {/* First: a page's own meaning of a key goes before the one on every page. */}
      <Help />
      <header class="top">
        <div class="bar">
          <Go to={to.runs()} class="brand">
            <img src={`${BASE}/icon.svg`} alt="" />
            jobrun <span class="hide-s">{asText(status?.dir.split(/[/\\]/).at(-1) ?? '')}</span>
          </Go>
          <nav class="main" aria-label="Pages">
            <Go to={to.runs()} aria-current={isAt('runs', 'run')}>
              Runs
            </Go>
            <Go to={to.jobs} aria-current={isAt('jobs', 'job', 'new')}>
              Jobs
            </Go>
            <Go to={to.schedules} aria-current={isAt('schedules')}>
              Schedules
            </Go>
          </nav>
          <span class="grow" />
          <LinkMark isReadOnly={!mayAct && status !== null} />
          <ThemeButton />
          {mayAct && (
            <Go to={to.jobs} class="btn first">
              New run
            </Go>
          )}
        </div>
        <OffBar />
        <SilentBar hosts={status?.hosts ?? []} />
      </header>
      <main id="main" tabIndex={-1}>
        {children}
      </main>
      <QuestionDialog />
      <Toast />
    </>
  );
}

const LINK_WORDS: Partial<Record<Link, string>> = { off: 'no answer', locked: 'no key' };

function LinkMark({ isReadOnly }: { readonly isReadOnly: boolean }) {
  const now = useObservable(link);
  return (
    <span class={now === 'live' ? 'live' : 'live off'} role="status">
      <i />
      <span>
        {LINK_WORDS[now] ?? now}
        {isReadOnly && ', read only'}
      </span>
    </span>
  );
}

/** Everything that is shown is as it was when the daemon last replied. */
function OffBar() {
  if (useObservable(link) !== 'off') return null;
  return (
    <p class="offbar" role="alert">
      The daemon does not answer. This is how it was; the page goes on by itself. Start it:{' '}
      <code>jobrun daemon</code>
    </p>
  );
}

/** The daemon of another host of the store: its runs go on elsewhere when its lease is over. */
function SilentBar({ hosts }: Pick<Status, 'hosts'>) {
  const silent = hosts.filter(({ state }) => state === 'silent').map(({ host }) => host);
  if (silent.length === 0) return null;
  return (
    <p class="offbar" role="alert">
      No sign of {asText(silent.join(', '))}. Other hosts take over its runs.
    </p>
  );
}

const HALF = 'M8 2a6 6 0 0 1 0 12zM14 8A6 6 0 1 1 2 8a6 6 0 0 1 12 0z';

function ThemeButton() {
  const now = useObservable(theme);
  const next = nextTheme(now);
  return (
    <Button is="icon" label={`Theme: ${now}. Change to ${next}`} act={() => chooseTheme(next)}>
      <Sign path={HALF} size={15} isFilled />
    </Button>
  );
}
