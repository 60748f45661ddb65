// The schedules that job files define follow those files: they come, change and go with each reload. One whose file is
// gone stays, silent, and is shown as missing; one whose job does not take the params that it gives (none) stays
// silent too, and says why.
import type { Catalog, Checked, FileEntry } from '../../catalog/catalog.ts';
import type { Engine } from '../../engine/engine.ts';
import {
  type Asked,
  newSchedule,
  noteOf,
  revised,
  type Schedule,
  type Trouble,
  withTrouble,
} from '../../run/schedule.ts';
import type { Clock } from '../../support/clock.ts';
import { orElse, toJobrunError } from '../../support/errors.ts';
import { markOf } from './next-runs.ts';

export interface JobScheduleParts {
  readonly engine: Engine;
  readonly catalog: Catalog;
  readonly clock: Clock;
  readonly warn: (job: string, text: string) => void;
}

type Sound = Extract<FileEntry, { readonly state: 'ok' }>;

/** The present content of a file: its schedule, or that it has none. */
interface Said {
  readonly entry: Sound;
  readonly asked: Asked | null;
  readonly trouble: Trouble | null;
}

/** Takes over what the job files say. Returns the names of the jobs whose files were heard. */
export async function followJobs(parts: JobScheduleParts): Promise<readonly string[]> {
  const { engine, catalog, clock, warn } = parts;
  const sound = catalog.all().filter((entry): entry is Sound => entry.state === 'ok');
  const before = await byName(parts);
  const said = await Promise.all(
    sound.map((entry) => hear(entry, before.get(entry.name), catalog)),
  );
  const now = clock.now();
  const present = await byName(parts);
  const heard = said.filter(({ entry }) => catalog.find(entry.name) === entry);
  const takeOver = async (one: Said): Promise<void> => {
    const { name } = one.entry;
    const known = present.get(name) ?? null;
    if (resolved(one, known, now) !== known)
      await engine.changeSchedule(name, (schedule) => resolved(one, schedule, now));
    else if (one.asked && known?.source === 'made') warn(name, notUsed(name));
  };
  await Promise.all(heard.map(takeOver));
  const after = await byName(parts);
  for (const { entry } of heard) {
    const [was, is] = [present, after].map((all) => noteIn(all.get(entry.name)));
    if (is && is !== was) warn(entry.name, is);
  }
  return heard.map(({ entry }) => entry.name);
}

const noteIn = (schedule: Schedule | undefined): string | null =>
  schedule?.source === 'job' ? noteOf(schedule) : null;

const notUsed = (name: string): string =>
  `the schedule of its file is not used, for one was made with its name: end that one with jobrun unschedule ${name}`;

async function byName({
  engine,
}: Pick<JobScheduleParts, 'engine'>): Promise<ReadonlyMap<string, Schedule>> {
  return new Map((await engine.schedules()).map((schedule) => [schedule.name, schedule]));
}

async function hear(entry: Sound, before: Schedule | undefined, catalog: Catalog): Promise<Said> {
  const { recurrence } = entry.data;
  if (!recurrence) return { entry, asked: null, trouble: null };
  const checked = await check(entry, catalog);
  const { rule, catchUp, overlap } = recurrence;
  const asked: Asked = {
    name: entry.name,
    job: entry.name,
    source: 'job',
    rule,
    params: checked.ok ? checked.params : {},
    lock: checked.ok ? checked.lock : null,
    priority: null,
    catchUp,
    overlap,
  };
  if (!checked.ok) {
    const text = `its job does not take empty params: ${checked.issues.join('; ')}`;
    return { entry, asked, trouble: { kind: 'params', text } };
  }
  return { entry, asked, trouble: await lasting(entry, before?.trouble) };
}

async function check(entry: Sound, catalog: Catalog): Promise<Checked> {
  try {
    const [checked] = await catalog.check(entry.name, [{}]);
    return checked ?? { ok: false, issues: ['it was not checked'] };
  } catch (error) {
    // Any error silences this schedule and no other.
    return { ok: false, issues: [toJobrunError(error).message] };
  }
}

/** An answer of `nextRun` holds while the file is the same. */
async function lasting(entry: Sound, trouble: Trouble | undefined): Promise<Trouble | null> {
  if (trouble?.kind !== 'stopped' || entry.data.recurrence?.rule.kind !== 'nextRun') return null;
  const file = await orElse(trouble.file, () => markOf(entry.file));
  return file === trouble.file ? trouble : null;
}

/** The schedule as the file asks for it; one that was made with its name is left alone. */
function resolved(
  { asked, trouble }: Said,
  present: Schedule | null,
  now: number,
): Schedule | null {
  if (present && present.source !== 'job') return present;
  if (!asked) return null;
  const revisedOne = present ? revised(present, asked, now) : newSchedule(asked, now);
  // An answer clears a failure.
  const failing = revisedOne.trouble?.kind === 'failing' ? revisedOne.trouble : null;
  const next = withTrouble(revisedOne, trouble ?? failing);
  return JSON.stringify(next) === JSON.stringify(present) ? present : next;
}
