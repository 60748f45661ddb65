// Why a key does nothing: it would work if a daemon answered, or if the dashboard were not read-only. Each says the
// line of the shell that does the same, for commands work on the files where no daemon runs.
import { actionFor, type Simple } from './bindings.ts';
import { contextOf, jobOf, pausableOf, scheduleOf, targetOf } from './context.ts';
import type { Model } from './model.ts';

/** Empty where the key has no meaning here at all. */
export function refusalOf(key: string, model: Model): string {
  const { link, readOnly } = model;
  if (link === 'online' && !readOnly) return '';
  const action = actionFor(key, { ...contextOf(model), link: 'online', readOnly: false });
  if (!action || !(action.do in INSTEAD)) return '';
  if (link === 'opening') return 'the dashboard is still opening';
  if (link === 'silent') return 'the daemon does not answer; this key works again when it does';
  const why = link === 'offline' ? 'no daemon runs' : 'opened read only';
  const shell = INSTEAD[action.do as Simple]?.(model) ?? '';
  const start = link === 'offline' ? 'jobrun daemon starts one' : '';
  const instead = shell === '' ? '' : `in a shell: ${shell}`;
  return [why, instead, start].filter(Boolean).join('; ');
}

const idsOf = (model: Model): string => targetOf(model)?.ids.slice(0, 5).join(' ') ?? '';

const INSTEAD: Partial<Record<Simple, (model: Model) => string>> = {
  abort: (model) => `jobrun abort ${idsOf(model)}`,
  retry: (model) => {
    const state = targetOf(model)?.run?.state;
    if (state === 'done') return `jobrun rerun ${idsOf(model)}`;
    const isOver = state === 'failed' || state === 'aborted';
    return isOver ? `jobrun retry ${idsOf(model)}` : `jobrun update ${idsOf(model)} --at now`;
  },
  again: (model) => `jobrun schedule ${jobOf(model)} -p name=value`,
  due: (model) => `jobrun update ${idsOf(model)} --at 18:30`,
  schedule: (model) => `jobrun schedule ${jobOf(model) ?? '<job>'}`,
  pause: (model) => {
    const one = pausableOf(model);
    const what = one?.kind === 'schedule' ? `--schedule ${one.name}` : (one?.name ?? '');
    return `jobrun ${one?.paused ? 'resume' : 'pause'} ${what}`.trim();
  },
  remove: (model) => `jobrun unschedule ${scheduleOf(model)?.name}`,
  complete: (model) => `jobrun complete ${idsOf(model)}`,
  fail: (model) => `jobrun fail ${idsOf(model)}`,
  mark: () => '',
  'mark-all': () => '',
};
