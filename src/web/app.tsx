// The page that the address names, in its surroundings; where there is no key, how to get one.
import type { ComponentChildren } from 'preact';
import { useEffect } from 'preact/hooks';
import type { Status } from '../commands/shared/replies.ts';
import { capital } from '../support/text.ts';
import { JobPage } from './job-page.tsx';
import { JobsPage } from './jobs-page.tsx';
import { link } from './live.ts';
import { useLoaded } from './loaded.ts';
import { Locked } from './locked.tsx';
import { NewRunPage } from './new-run-page.tsx';
import { useObservable } from './observable.ts';
import { type Place, place } from './router.ts';
import { RunPage } from './run-page.tsx';
import { RunsPage } from './runs-page.tsx';
import { SchedulesPage } from './schedules-page.tsx';
import { Shell } from './shell.tsx';

/** A minute goes by, and another host falls silent, without a change. */
const STATUS_MS = 5000;

export function App() {
  const shown = useObservable(place);
  const isLocked = useObservable(link) === 'locked';
  const status = useLoaded<Status>(isLocked ? null : 'status?overview=true', () => STATUS_MS);
  const title = titleOf(shown);
  useEffect(() => {
    document.title = `${title} · jobrun`;
  }, [title]);
  if (isLocked || status.error?.code === 'unauthorized') return <Locked />;
  return <Shell status={status.data}>{pageOf(shown, status.data)}</Shell>;
}

function pageOf(shown: Place, status: Status | null): ComponentChildren {
  switch (shown.page) {
    case 'runs':
      return <RunsPage query={shown.query} status={status} />;
    case 'run':
      return <RunPage key={shown.id} id={shown.id} status={status} />;
    case 'jobs':
      return <JobsPage status={status} />;
    case 'job':
      return <JobPage key={shown.name} name={shown.name} />;
    case 'new':
      return <NewRunPage key={shown.name} name={shown.name} from={shown.from} />;
    case 'schedules':
      return <SchedulesPage />;
  }
}

function titleOf(shown: Place): string {
  if ('name' in shown) return shown.name;
  return 'id' in shown ? `Run ${shown.id}` : capital(shown.page);
}
