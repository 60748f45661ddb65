// The page that the address names, in its surroundings; where there is no key, how to get one.
import type { ComponentChildren } from 'preact';
import { useEffect } from 'preact/hooks';
import type { Status } from '../commands/shared/replies.ts';
import { Go } from './go.tsx';
import { link } from './live.ts';
import { useLoaded } from './loaded.ts';
import { Locked } from './locked.tsx';
import { type Place, place, to } from './router.ts';
import { RunsPage } from './runs-page.tsx';
import { Shell } from './shell.tsx';
import { useTold } from './told.ts';
import { visible } from './visible-text.ts';

export function App() {
  const shown = useTold(place);
  const isLocked = useTold(link) === 'locked';
  const status = useLoaded<Status>(isLocked ? null : 'status?overview=true');
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
    default:
      return <Nothing />;
  }
}

function titleOf(shown: Place): string {
  switch (shown.page) {
    case 'runs':
      return 'Runs';
    case 'run':
      return visible(`Run ${shown.id}`);
    case 'jobs':
      return 'Jobs';
    case 'job':
      return visible(shown.name);
    case 'new':
      return visible(`New run of ${shown.name}`);
    case 'schedules':
      return 'Schedules';
    case 'none':
      return 'No such page';
  }
}

function Nothing() {
  return (
    <div class="alone">
      <h1>There is no such page</h1>
      <p>
        <Go to={to.runs()}>See the runs</Go>
      </p>
    </div>
  );
}
