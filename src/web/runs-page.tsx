// The lists of runs: which list, which filter and which part of it is shown stands in the address.

import { useState } from 'preact/hooks';
import type { Status } from '../commands/shared/replies.ts';
import type { Listed } from '../commands/shared/run-list.ts';
import type { ShortRun } from '../commands/shared/views.ts';
import { LIST_NAMES, LISTS, type ListName } from '../run/run-lists.ts';
import { capital, showCount } from '../support/text.ts';
import { withQuery } from './api.ts';
import { askMarked, type Many } from './bulk.ts';
import { MarkedBar, MatchingButtons, OperationBar } from './bulk-bar.tsx';
import { Filter } from './filter.tsx';
import { Go } from './go.tsx';
import { focusedRow, type Keys, useKeys } from './keys.ts';
import { useLoaded } from './loaded.ts';
import { useMayAct } from './may-act.ts';
import { Pulse } from './pulse.tsx';
import { go, to } from './router.ts';
import { mayBe } from './run-actions.ts';
import { askAbort, askOnward } from './run-questions.ts';
import { type Marks, paceOf, RunTable } from './run-table.tsx';
import { asText } from './text.tsx';

const PAGE = 50;

interface Shown {
  readonly list: ListName;
  readonly q: string;
  readonly offset: number;
}

function shownIn(query: URLSearchParams): Shown {
  const list = LIST_NAMES.find((name) => name === query.get('list')) ?? 'all';
  const offset = Math.max(0, Math.floor(Number(query.get('offset') ?? 0))) || 0;
  return { list, q: query.get('q') ?? '', offset };
}

const addressOf = ({ list, q, offset }: Shown): string =>
  to.runs({ list: list === 'all' ? null : list, q, offset: offset || null });

interface Props {
  readonly query: URLSearchParams;
  readonly status: Status | null;
}

export function RunsPage({ query, status }: Props) {
  const shown = shownIn(query);
  const { list, q, offset } = shown;
  const path = withQuery('runs', {
    ...{ list, q, limit: PAGE, offset, short: true, parts: true },
  });
  const { data, error, isOld } = useLoaded<Listed<ShortRun>>(path, paceOf);
  const marks = useMarks(`${list} ${q}`);
  const mayAct = useMayAct();
  useKeys(mayAct ? keysFor(data?.runs ?? [], marks) : {});
  const isEmpty = data?.complete && data.runs.length === 0 && !isOld;
  return (
    <>
      <h1 class="hidden">Runs</h1>
      {status && <Pulse status={status} />}
      <section class="panel" aria-label="Runs" aria-busy={isOld}>
        <div class="tools">
          <Tabs shown={shown} status={status} />
          <Filter q={q} onChange={(next) => go(addressOf({ list, q: next, offset: 0 }), true)} />
        </div>
        <OperationBar />
        {mayAct && <MarkedBar marks={marks} />}
        {error && (
          <p class="refused" role="alert">
            {asText(error.message)} {asText(error.hint)}
          </p>
        )}
        {data && <RunTable runs={data.runs} marks={mayAct ? marks : null} />}
        {isEmpty && !error && <Empty shown={shown} />}
        {data && (
          <div class="foot">
            <Paging shown={shown} total={data.total} count={data.runs.length} />
            {data.complete || (
              <span role="status">
                searched {showCount(data.searched ?? 0)} of {showCount(data.toSearch ?? 0)}
              </span>
            )}
            <span class="grow" />
            {mayAct && data.total > 0 && <MatchingButtons list={list} q={q} />}
          </div>
        )}
      </section>
    </>
  );
}

/** The keys act on the marked runs, else on the one whose row has the focus. */
function keysFor(runs: readonly ShortRun[], marks: Marks): Keys {
  const focused = (): ShortRun | undefined => runs.find(({ id }) => id === focusedRow());
  const many = (what: Many, one: (run: ShortRun) => void) => (): void => {
    const ids = [...marks.ids];
    const run = focused();
    if (ids.length > 0) askMarked(what, ids, () => marks.set(ids, false));
    else if (run) one(run);
  };
  return {
    ' ': () => {
      const run = focused();
      if (run) marks.set([run.id], !marks.ids.has(run.id));
    },
    '*': () => {
      const ids = runs.map(({ id }) => id);
      marks.set(ids, !ids.every((id) => marks.ids.has(id)));
    },
    a: many('abort', (run) => mayBe('abort', run) && askAbort(run)),
    r: many('retry', askOnward),
    Escape: () => marks.set([...marks.ids], false),
  };
}

/** The marked runs of a list. Another list, or another filter, has marks of its own. */
function useMarks(of: string) {
  const [marked, mark] = useState<{ of: string; ids: ReadonlySet<string> }>({ of, ids: NONE });
  const idsIn = (one: typeof marked): ReadonlySet<string> => (one.of === of ? one.ids : NONE);
  return {
    ids: idsIn(marked),
    set: (changed: readonly string[], isOn: boolean): void =>
      mark((before) => {
        const ids = new Set(idsIn(before));
        for (const id of changed) isOn ? ids.add(id) : ids.delete(id);
        return { of, ids };
      }),
  };
}

const NONE: ReadonlySet<string> = new Set();

function Tabs({ shown, status }: { readonly shown: Shown; readonly status: Status | null }) {
  const countOf = (name: ListName): number =>
    LISTS[name].reduce((sum, state) => sum + (status?.counts[state] ?? 0), 0);
  return (
    <nav class="tabs" aria-label="Lists">
      {LIST_NAMES.map((name) => (
        <Go
          to={addressOf({ ...shown, list: name, offset: 0 })}
          aria-current={name === shown.list ? 'page' : undefined}
        >
          {capital(name)}
          {status && <b>{showCount(countOf(name))}</b>}
        </Go>
      ))}
    </nav>
  );
}

function Empty({ shown: { list, q } }: { readonly shown: Shown }) {
  return (
    <p class="empty">
      {q !== '' ? (
        'No run fits this filter.'
      ) : list !== 'all' ? (
        'No run is in this list.'
      ) : (
        <>
          No runs yet. Start one: <code>jobrun schedule &lt;job&gt;</code>
        </>
      )}
    </p>
  );
}

interface PagingProps {
  readonly shown: Shown;
  readonly total: number;
  readonly count: number;
}

function Paging({ shown, total, count }: PagingProps) {
  const { offset } = shown;
  const part = count === 0 ? '0' : `${showCount(offset + 1)}–${showCount(offset + count)}`;
  const at = (next: number): string => addressOf({ ...shown, offset: Math.max(0, next) });
  return (
    <>
      <span>
        {part} of {showCount(total)}
      </span>
      {offset > 0 && (
        <Go to={at(offset - PAGE)} class="btn small">
          Back
        </Go>
      )}
      {offset + count < total && (
        <Go to={at(offset + PAGE)} class="btn small">
          More
        </Go>
      )}
    </>
  );
}
