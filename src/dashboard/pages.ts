// What takes the whole body: the help, the choice of a job, the form, the log.
import { cut, pad, tame, width, wrap } from './cells.ts';
import type { Here } from './clock-texts.ts';
import { logLines } from './detail.ts';
import { inputLine } from './footer.ts';
import type { Form, FormJob } from './form.ts';
import { titledRule } from './header.ts';
import { allKeys } from './keys.ts';
import type { Sheet } from './look.ts';
import { type Look, paint } from './look.ts';
import type { Log, Screen } from './model.ts';
import { readWhen } from './when.ts';

const NOTES = `Without a daemon: what the files say, read only, until one is there again.
A key that is neither here nor at the bottom does nothing.`;

export function helpLines(look: Look, columns: number): string[] {
  const indent = ' '.repeat(16);
  const keys = allKeys(look.glyphs).flatMap(({ name, help }) =>
    wrap(help, columns - indent.length - 2, look).map((text, i) =>
      i === 0 ? `  ${name.padEnd(14)}${text}` : indent + text,
    ),
  );
  const texts = [
    'Keys',
    ...keys,
    '  ctrl-z        suspend, fg brings it back;  ctrl-l  draw anew',
    '',
    'Lists',
    '  Running · Scheduled: with what waits and is queued · Done',
    '  Errors: failed and aborted · All · Jobs',
    '',
    'Filter',
    '  news          jobs with these letters',
    '  12            the run with this id',
    '  state:failed  several with commas',
    '  group:mail    of the jobs of a group',
    '  key:weekly    runs with this key',
    '  since:2h      accepted since',
    '',
    ...wrap(NOTES, columns - 3, look).map((line) => `  ${line.trimEnd()}`),
  ];
  return texts.map((text) => {
    const line = pad(
      look.glyphs.dot === '·' ? ` ${text}` : ` ${text.replaceAll('·', '-')}`,
      columns,
      look,
    );
    return text !== '' && !text.startsWith(' ') ? paint(look, 'bold', line) : line;
  });
}

type Pick = Extract<Screen, { kind: 'pick' }>;

export const matching = ({ jobs, line }: Pick): readonly FormJob[] =>
  (jobs ?? []).filter(({ name }) => name.toLowerCase().includes(line.text.trim().toLowerCase()));

export function pickLines(pick: Pick, look: Look, columns: number, height: number): string[] {
  const found = matching(pick);
  const room = height - 3;
  const top = Math.max(0, Math.min(pick.at - Math.floor(room / 2), found.length - room));
  const name = Math.min(36, Math.max(12, ...found.map((job) => width(job.name))));
  const rows = found.slice(top, top + room).map((job, i) => {
    const own = top + i === pick.at;
    const state = job.state === 'ok' ? '' : `${job.state}  `;
    const text = `${pad(tame(job.name, look), name, look)}  ${state}${tame(job.description ?? '', look)}`;
    const line = pad(` ${own ? '>' : ' '} ${text}`, columns, look);
    return own ? paint(look, 'inverse', line) : line;
  });
  const none = pick.jobs === null ? ' reading the jobs' : ' no such job';
  return [
    titledRule(look, columns, 'schedule a run: which job?'),
    inputLine('job: ', pick.line, columns, look),
    pad('', columns, look),
    ...(rows.length > 0 ? rows : [pad(none, columns, look)]),
  ];
}

const FRONT = 4;

export function formLines(
  form: Form,
  look: Look,
  columns: number,
  height: number,
  here: Here,
): string[] {
  const name = Math.min(20, Math.max(8, ...form.fields.map((one) => width(tame(one.name, look)))));
  const value = Math.max(16, Math.min(40, Math.floor((columns - FRONT - name) / 2)));
  const rows = form.fields.map((one, i) => {
    const own = i === form.at;
    const label = pad(`${tame(one.name, look)}${one.required ? ' !' : ''}`, name, look);
    const text = own
      ? inputLine('', one.line, value, look)
      : ` ${pad(tame(one.line.text, look), value - 1, look)}`;
    const room = columns - FRONT - name - value - 2;
    const note = paint(
      look,
      noteStyle(one.kind, one.line.text, here),
      pad(noteOf(one, here, look), Math.max(0, room), look),
    );
    return ` ${own ? '>' : ' '} ${own ? paint(look, 'bold', label) : label} [${text.slice(1)}] ${note}`;
  });
  const button = form.busy ? '[ scheduling ]' : '[ schedule ]';
  const isLast = form.at === form.fields.length;
  const room = Math.max(1, height - 4);
  const top = Math.max(0, Math.min(form.at - Math.floor(room / 2), rows.length + 2 - room));
  const body = [
    ...rows,
    pad('', columns, look),
    paint(look, isLast ? 'inverse' : null, pad(` ${isLast ? '>' : ' '} ${button}`, 18, look)) +
      pad('', columns - 18, look),
  ];
  const errors = form.error
    .split('\n')
    .map((line) => paint(look, 'red', pad(` ${tame(line, look)}`, columns, look)));
  return [
    titledRule(look, columns, `schedule ${tame(form.job, look)}`),
    ...body.slice(top, top + room),
    ...(form.error === '' ? [] : errors),
  ].slice(0, height);
}

function noteOf(one: Form['fields'][number], here: Here, look: Look): string {
  if (one.kind !== 'when' || one.line.text.trim() === '') return tame(one.hint, look);
  const when = readWhen(one.line.text, here);
  return cut(tame(when.ok ? when.echo : when.error, look), 500, look);
}

function noteStyle(kind: string, text: string, here: Here): 'dim' | 'green' | 'red' {
  if (kind !== 'when' || text.trim() === '') return 'dim';
  return readWhen(text, here).ok ? 'green' : 'red';
}

/** The end of the log, or what is `back` lines above it. */
export function logPage(
  log: Log | null,
  back: number,
  title: string,
  height: number,
  sheet: Sheet,
): string[] {
  const { look, columns } = sheet;
  const all = (log?.lines ?? []).flatMap((line) => logLines(line, sheet));
  const room = height - 1;
  const end = Math.max(Math.min(room, all.length), all.length - back);
  const live = log?.live ? look.glyphs.following : '';
  const where = back > 0 ? `${all.length - end} lines below, G follows` : live;
  const none = log ? ' it has said nothing' : ' reading';
  return [
    titledRule(look, columns, title, where),
    ...(all.length > 0 ? all.slice(Math.max(0, end - room), end) : [pad(none, columns, look)]),
  ];
}
