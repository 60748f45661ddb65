// The screens that take keys as text: the filter, the due time, the choice of a job, the form, and the letter that
// answers a question.
import { isTypedJob } from '../catalog/catalog.ts';
import { errorLine } from '../support/errors.ts';
import { type Json, parseJson } from '../support/json.ts';
import type { TimeReference } from '../support/typed-times.ts';
import { jobOf, jobUnder } from './context.ts';
import type { FormJob, LikeRun } from './form.ts';
import { editForm, formFor, matching, readForm, refusedForm } from './form.ts';
import type { Key } from './key-reader.ts';
import { EMPTY, edit, lineOf } from './line.ts';
import { START } from './lists.ts';
import type { Screen } from './model.ts';
import { type Desk, perform } from './perform.ts';
import { SOON_MS } from './store.ts';
import { readDue } from './when.ts';

type Of<Kind extends Screen['kind']> = Extract<Screen, { kind: Kind }>;

type Typed = Of<'ask' | 'due' | 'outcome' | 'pick' | 'form' | 'filter'>;

export const takesText = (screen: Screen): screen is Typed =>
  ['ask', 'due', 'outcome', 'pick', 'form', 'filter'].includes(screen.kind);

/** True if the key does what was typed, or answers a question. */
export function commits(screen: Typed, { name }: Key): boolean {
  if (screen.kind === 'ask') return true;
  return ['due', 'outcome', 'form'].includes(screen.kind) && ['enter', 'ctrl-s'].includes(name);
}

export function typeKey(screen: Typed, key: Key, desk: Desk): void {
  if (screen.kind === 'ask') askKey(screen, key, desk);
  else if (screen.kind === 'due') dueKey(screen, key, desk);
  else if (screen.kind === 'outcome') outcomeKey(screen, key, desk);
  else if (screen.kind === 'pick') pickKey(screen, key, desk);
  else if (screen.kind === 'form') formKey(screen, key, desk);
  else filterKey(screen, key, desk);
}

const here = ({ store }: Desk): TimeReference => ({
  now: store.clock.now(),
  timezone: store.model.timezone,
});

/** The list follows every letter; Enter keeps the filter, Esc takes it away. */
function filterKey(screen: Of<'filter'>, key: Key, desk: Desk) {
  const { store, refresh } = desk;
  if (key.name === 'enter') return store.show({ kind: 'list' });
  const line = key.name === 'esc' ? EMPTY : edit(screen.line, key);
  if (!line) return;
  const next: Screen = key.name === 'esc' ? { kind: 'list' } : { ...screen, line };
  const filter = line.text.trim();
  const moved = filter !== store.model.filter;
  if (!moved) return store.show(next);
  store.set({ screen: next, filter, place: START, marks: new Set() }, SOON_MS);
  refresh.now();
}

function askKey(screen: Of<'ask'>, key: Key, desk: Desk) {
  const answer = screen.ask.answers.find((one) => one.key === key.name);
  if (!answer && !['n', 'esc', 'q'].includes(key.name)) return;
  desk.store.show(screen.from);
  if (answer) void perform(answer.request, desk);
}

function dueKey(screen: Of<'due'>, key: Key, desk: Desk) {
  const { store } = desk;
  const { was } = screen;
  if (key.name === 'esc') return store.show(screen.from);
  if (key.name !== 'enter') {
    // The present time is there to be seen; what is typed takes its place, unless the caret was moved into it.
    const isFresh = screen.line.text === was && screen.line.at === lineOf(was).at;
    const line = edit(isFresh && key.text !== '' ? EMPTY : screen.line, key);
    if (line) store.show({ ...screen, line });
    return;
  }
  const { id } = screen;
  if (screen.line.text === was) return store.show(screen.from);
  const when = readDue(screen.line.text, here(desk));
  // Its fault stands there already.
  if (!when.ok) return;
  const due = Object.keys(when.due).length > 0 ? when.due : { inMs: 0 };
  const args = { id, ...due } as Json;
  store.show(screen.from);
  void perform(
    { command: 'update', args, ids: [id], doing: 'moving', done: `${id} ${when.echo}` },
    desk,
  );
}

function outcomeKey(screen: Of<'outcome'>, key: Key, desk: Desk) {
  const { store } = desk;
  const { id, how, from } = screen;
  if (key.name === 'esc') return store.show(from);
  if (key.name !== 'enter') {
    const line = edit(screen.line, key);
    if (line) store.show({ ...screen, line });
    return;
  }
  const read = readOutcome(screen);
  if (!read.ok) return;
  store.show(from);
  const done = how === 'complete' ? `${id} is done` : `${id} has failed`;
  const doing = how === 'complete' ? 'completing' : 'failing';
  void perform({ command: how, args: { id, ...read.args }, ids: [id], doing, done }, desk);
}

/** The text typed for a run that waits for an outside result; an output has to be JSON. */
export function readOutcome({
  how,
  line,
}: Pick<Of<'outcome'>, 'how' | 'line'>):
  | { readonly ok: true; readonly args: { readonly [name: string]: Json } }
  | { readonly ok: false } {
  const text = line.text.trim();
  if (text === '') return { ok: true, args: {} };
  if (how === 'fail') return { ok: true, args: { message: text } };
  const output = parseJson(text);
  return output === undefined ? { ok: false } : { ok: true, args: { output } };
}

/** True for the built-in job, whose programs come from a command line. */
const isTyped = (job: FormJob): boolean => isTypedJob(job) && isSound(job);
const isSound = ({ state }: FormJob): boolean => state !== 'missing' && state !== 'broken';
const TYPED = 'programs are started in a shell: jobrun run -- <command…>';

/** The form of the job of a run, with the params that it had. */
export async function openFormLike(id: string, desk: Desk): Promise<void> {
  const { store, link } = desk;
  const from = store.model.screen;
  store.show({ kind: 'pick', line: EMPTY, at: 0, jobs: null });
  try {
    const asked = { id, attempts: 0, results: 0, log: 0 };
    const run = (await link.call('show', asked)) as LikeRun & { job: string };
    const { jobs } = (await link.call('jobs', { name: run.job })) as { jobs: [FormJob] };
    if (store.model.screen.kind !== 'pick') return;
    if (isTyped(jobs[0])) {
      store.show(from);
      store.say(TYPED, true);
    } else store.show({ kind: 'form', form: formFor(jobs[0], run) });
  } catch (error) {
    if (store.model.screen.kind !== 'pick') return;
    store.show(from);
    store.say(errorLine(error), true);
  }
}

/** The form of the job under the cursor, or first the choice of a job. */
export async function openForm(desk: Desk): Promise<void> {
  const { store, link } = desk;
  const pick: Of<'pick'> = { kind: 'pick', line: EMPTY, at: 0, jobs: null };
  const known = jobUnder(store.model)?.name ?? null;
  const near = jobOf(store.model);
  store.show(pick);
  try {
    const { jobs } = (await link.call('jobs', { check: false })) as {
      jobs: readonly FormJob[];
    };
    const { screen } = store.model;
    if (screen.kind !== 'pick') return;
    const sound = jobs.filter((job) => isSound(job) && !isTyped(job));
    const own = sound.find(({ name }) => name === known);
    const at = Math.max(
      0,
      sound.findIndex(({ name }) => name === near),
    );
    store.show(own ? { kind: 'form', form: formFor(own) } : { ...screen, jobs: sound, at });
    const meant = own ? undefined : jobs.find(({ name }) => name === known);
    if (meant) store.say(isTyped(meant) ? TYPED : `${meant.name} is ${meant.state}`, true);
  } catch (error) {
    store.show({ kind: 'list' });
    store.say(errorLine(error), true);
  }
}

function pickKey(screen: Of<'pick'>, key: Key, desk: Desk) {
  const { store } = desk;
  const found = matching(screen.jobs, screen.line);
  const to = (at: number): void =>
    store.show({ ...screen, at: Math.max(0, Math.min(at, found.length - 1)) });
  switch (key.name) {
    case 'esc':
      return store.show({ kind: 'list' });
    case 'down':
    case 'tab':
      return to(screen.at + 1);
    case 'up':
    case 'shift-tab':
      return to(screen.at - 1);
    case 'pagedown':
      return to(screen.at + 10);
    case 'pageup':
      return to(screen.at - 10);
    case 'enter': {
      const job = found[screen.at];
      if (job) store.show({ kind: 'form', form: formFor(job) });
      return;
    }
  }
  const line = edit(screen.line, key);
  if (line) store.show({ ...screen, line, at: 0 });
}

function formKey(screen: Of<'form'>, key: Key, desk: Desk) {
  const { store } = desk;
  const { form } = screen;
  if (key.name === 'esc') return store.show({ kind: 'list' });
  const isSubmit = key.name === 'enter' && form.at === form.fields.length;
  if (isSubmit || key.name === 'ctrl-s') {
    void submit(screen, desk);
    return;
  }
  const next = editForm(form, key);
  if (next) store.show({ kind: 'form', form: next });
}

/** The form stays until the run is accepted: what did not fit can be mended. */
async function submit({ form }: Of<'form'>, desk: Desk): Promise<void> {
  const { store } = desk;
  const read = readForm(form, here(desk));
  if (!read.ok) {
    // A fault stands at its field.
    const fields = form.fields.map((one, i) => (i === read.at ? { ...one, left: true } : one));
    store.show({ kind: 'form', form: { ...form, fields, error: '', at: read.at } });
    return;
  }
  store.show({ kind: 'form', form: { ...form, busy: true, error: '' } });
  const error = await perform(read.request, desk);
  const { screen } = store.model;
  if (screen.kind !== 'form' || screen.form.job !== form.job) return;
  store.show(
    error === null ? { kind: 'list' } : { kind: 'form', form: refusedForm(screen.form, error) },
  );
}
