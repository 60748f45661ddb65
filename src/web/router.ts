// Chooses the page: the address decides, and is all that a page needs to be shown again, by a reload or by another
// person. Addresses are paths below `base`; a `/` in a job's name is `%2F`.
import { BASE } from './address.ts';
import { pathOf, type Query, withQuery } from './api.ts';
import { Observable } from './observable.ts';

export type Place =
  | { readonly page: 'runs'; readonly query: URLSearchParams }
  | { readonly page: 'run'; readonly id: string }
  | { readonly page: 'jobs' }
  | { readonly page: 'job'; readonly name: string }
  | { readonly page: 'new'; readonly name: string; readonly from: string | null }
  | { readonly page: 'schedules' };

/** Addresses of our own pages, without `base`. */
export const to = {
  runs: (query: Query = {}) => withQuery('/runs', query),
  run: (id: string) => `/runs/${pathOf(id)}`,
  jobs: '/jobs',
  job: (name: string) => `/jobs/${pathOf(name)}`,
  newRun: (name: string, from: string | null = null) =>
    withQuery(`/jobs/${pathOf(name)}/new`, { from }),
  schedules: '/schedules',
} as const;

/** The page at an address. The daemon gives this script to no others. */
export function placeOf(path: string, search: string): Place {
  const query = new URLSearchParams(search);
  const [first, name, more] = path.replace(/^\//, '').split('/').map(decodeURIComponent);
  if (first === 'schedules') return { page: 'schedules' };
  if (first !== 'jobs') return name ? { page: 'run', id: name } : { page: 'runs', query };
  if (!name) return { page: 'jobs' };
  return more ? { page: 'new', name, from: query.get('from') } : { page: 'job', name };
}

/** The list, or the job, that was shown last: the way back from a run. */
export let above: string = to.runs();

function here(): Place {
  const path = location.pathname.slice(BASE.length);
  const shown = placeOf(path, location.search);
  if (!['run', 'new'].includes(shown.page)) above = path + location.search;
  return shown;
}

export const place = new Observable<Place>({ page: 'runs', query: new URLSearchParams() });

export function startRouter(): void {
  place.set(here());
  addEventListener('popstate', () => place.set(here()));
}

/** Shows another page. `replace`: going back does not come here again. */
export function go(path: string, replace = false): void {
  const url = BASE + path;
  if (replace) history.replaceState(null, '', url);
  else history.pushState(null, '', url);
  place.set(here());
  if (!replace) scrollTo(0, 0);
}
