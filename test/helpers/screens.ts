// The screen as Ink draws it for a model: its lines, as they go to the terminal.
import { importApp } from '../../src/dashboard/dashboard.ts';
import type { Model } from '../../src/dashboard/model.ts';
import type { Theme } from '../../src/dashboard/theme.ts';

const { App } = await importApp();
const { renderToString } = await import('ink');
const { createElement } = await import('react');

export function frame(model: Model, theme: Theme, now: number): readonly string[] {
  const app = createElement(App, { model, theme, now });
  return renderToString(app, { columns: model.size.columns }).split('\n');
}
