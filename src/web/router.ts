// Which page is shown: the address decides, and is all that a page needs to be shown again, by a reload or by somebody else.
// Addresses are paths below `base`; a `/` in a job's name is `%2F`.
import { BASE } from './address.ts';
import { pathOf, type Query, withQuery } from './api.ts';
import { Told } from './told.ts';

export type Place =
  | { readonly page: 'runs'; readonly query: URLSearchParams }
  | { readonly page: 'run'; readonly id: string }
  | { readonly page: 'jobs' }
  | { readonly page: 'job'; readonly name: string }
  | { readonly page: 'new'; readonly name: string; readonly from: string | null }
  | { readonly page: 'schedules' }
  | { readonly page: 'none' };

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

/** The page at an address. */
export function placeOf(path: string, search: string): Place {
  const query = new URLSearchParams(search);
  const [first = '', second, third, ...more] = partsOf(path) ?? ['?'];
  if (more.length > 0) return { page: 'none' };
  if (first === '') return { page: 'runs', query };
  if (first === 'schedules' && second === undefined) return { page: 'schedules' };
  if (first === 'runs' && third === undefined)
    return second ? { page: 'run', id: second } : { page: 'runs', query };
  if (first !== 'jobs') return { page: 'none' };
  if (!second) return { page: 'jobs' };
  if (third === undefined) return { page: 'job', name: second };
  if (third !== 'new') return { page: 'none' };
  return { page: 'new', name: second, from: query.get('from') };
}

function partsOf(path: string): readonly string[] | null {
  try {
    return path
      .replace(/^\/|\/$/g, '')
      .split('/')
      .map(decodeURIComponent);
  } catch (error) {
    if (error instanceof URIError) return null;
    throw error;
  }
}

const here = (): Place => placeOf(location.pathname.slice(BASE.length), location.search);

export const place = new Told<Place>({ page: 'runs', query: new URLSearchParams() });

export function startRouter(): void {
  place.tell(here());
  addEventListener('popstate', () => place.tell(here()));
}

/** Shows another page. `replace`: going back does not come here again. */
export function go(path: string, replace = false): void {
  const url = BASE + path;
  if (replace) history.replaceState(null, '', url);
  else history.pushState(null, '', url);
  place.tell(here());
  if (!replace) scrollTo(0, 0);
}
