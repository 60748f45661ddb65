// The bars above a list: what can be done with the marked runs, and how far an operation on many is.

import type { ListName } from '../run/run-lists.ts';
import { count, showCount } from '../support/text.ts';
import { askMarked, askMatching, statesFor, underWay } from './bulk.ts';
import { useObservable } from './observable.ts';
import { Button } from './parts.tsx';
import type { Marks } from './run-table.tsx';

export function MarkedBar({ marks }: { readonly marks: Marks }) {
  const ids = [...marks.ids];
  if (ids.length === 0) return null;
  const unmark = (): void => marks.set(ids, false);
  return (
    <div class="bulk">
      <b>{count(ids.length, 'run')} marked</b>
      <Button is="small" act={() => askMarked('retry', ids, unmark)}>
        Retry
      </Button>
      <Button is="small harm" act={() => askMarked('abort', ids, unmark)}>
        Abort
      </Button>
      <Button is="small" act={unmark}>
        Unmark
      </Button>
    </div>
  );
}

export function OperationBar() {
  const now = useObservable(underWay);
  if (!now) return null;
  const { matched, done, what, stop } = now;
  return (
    <div class="bulk" role="status">
      <progress max={matched} value={done} aria-label={what} />
      <span>
        {what}: {showCount(done)} of {showCount(matched)}
      </span>
      <Button is="small" act={stop}>
        Stop
      </Button>
    </div>
  );
}

interface Props {
  readonly list: ListName;
  readonly q: string;
}

/** Everything that the list and the filter show, on this page or not. */
export function MatchingButtons({ list, q }: Props) {
  const which = q === '' ? 'all' : 'all that match';
  return (
    <>
      {statesFor('retry', list).length > 0 && (
        <Button is="small" act={() => void askMatching('retry', list, q)}>
          Retry {which} …
        </Button>
      )}
      {statesFor('abort', list).length > 0 && (
        <Button is="small harm" act={() => void askMatching('abort', list, q)}>
          Abort {which} …
        </Button>
      )}
    </>
  );
}
