// Dark or light: as the system says, until the reader has chosen.
import { Observable } from './observable.ts';

const NAME = 'jobrun theme';
const ALL = ['auto', 'light', 'dark'] as const;
export type Theme = (typeof ALL)[number];

const known = (text: string | null): Theme => ALL.find((one) => one === text) ?? 'auto';

export const theme = new Observable<Theme>('auto');

export const nextTheme = (now: Theme): Theme => ALL[(ALL.indexOf(now) + 1) % ALL.length] ?? 'auto';

export function startTheme(): void {
  use(known(localStorage.getItem(NAME)));
}

export function chooseTheme(next: Theme): void {
  localStorage.setItem(NAME, next);
  use(next);
}

function use(next: Theme): void {
  if (next === 'auto') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = next;
  theme.set(next);
}
