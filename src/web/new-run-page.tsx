// The form for a new run: its fields are made from the schema of the job's params, its time is resolved while it is
// typed, and a refusal stands at the field that it is about.
import { useState } from 'preact/hooks';
import { type ParamField, paramFields } from '../commands/shared/param-fields.ts';
import { type Typed, typedFrom, wrongIn } from '../commands/shared/param-texts.ts';
import type { AcceptedView, JobView } from '../commands/shared/replies.ts';
import type { RunView } from '../run/view.ts';
import type { Json } from '../support/json.ts';
import { ask, errorIn, pathOf } from './api.ts';
import { Field } from './field.tsx';
import { Go } from './go.tsx';
import { JobPage } from './job-page.tsx';
import { hasForm } from './job-questions.ts';
import { useLoaded } from './loaded.ts';
import { Missing } from './missing.tsx';
import { paramsFrom, paramWords } from './new-run-values.ts';
import { ParamInput } from './param-input.tsx';
import { Head, Panel } from './parts.tsx';
import { go, to } from './router.ts';
import { ShellBlock } from './shell-block.tsx';
import { shellLine } from './shell-line.ts';
import { asText } from './text.tsx';
import { say } from './toast.tsx';
import { isNow, resolve, WhenField } from './when-field.tsx';

interface Props {
  readonly name: string;
  /** The run whose params stand in the form at first. */
  readonly from: string | null;
}

export function NewRunPage({ name, from }: Props) {
  const job = useLoaded<JobView>(pathOf('jobs', name));
  const run = useLoaded<RunView>(from === null ? null : `${pathOf('runs', from)}?log=0&results=0`);
  const error = job.error ?? run.error;
  if (error || !job.data || (from !== null && !run.data)) return <Missing error={error} />;
  if (!hasForm(job.data)) return <JobPage name={name} />;
  const fields = paramFields(job.data.params);
  const first = run.data ? typedFrom(run.data.params, fields) : {};
  return <Form job={job.data} fields={fields} first={first} />;
}

interface FormProps {
  readonly job: JobView;
  readonly fields: readonly ParamField[];
  readonly first: Typed;
}

/** The fields beside the params. */
interface More {
  readonly at: string;
  readonly key: string;
  readonly priority: string;
}

const NO_MORE: More = { at: '', key: '', priority: '' };

/** The field of a refusal that names none: it is about the run. */
const WHOLE = '';

const lineFor = (name: string, words: readonly string[], { at, key, priority }: More): string =>
  shellLine(
    ...['schedule', name, ...words],
    ...(isNow(at) ? [] : ['--at', at.trim()]),
    ...(key === '' ? [] : ['--key', key]),
    ...(priority === '' ? [] : ['--priority', priority]),
  );

async function accept(job: string, params: Json, { at, key, priority }: More): Promise<void> {
  const due = isNow(at) ? {} : { at: (await resolve(at)).at };
  const more = { ...(key && { key }), ...(priority && { priority: Number(priority) }) };
  const body = { job, params, ...due, ...more };
  const made = await ask<AcceptedView>('runs', { method: 'POST', body });
  say(made.existing ? `run ${made.id} has this key already` : `run ${made.id} is accepted`);
  go(to.run(made.id));
}

/** The faults, by the fields that they are about. */
function refusalOf(thrown: unknown, fields: readonly ParamField[]): Typed {
  if (thrown instanceof SyntaxError) return { params: 'That is no JSON.' };
  const { message, hint } = errorIn(thrown);
  const wrong = wrongIn(message, fields);
  return Object.keys(wrong).length > 0 ? wrong : { [WHOLE]: `${message} ${hint}` };
}

function Form({ job: { name, state, description }, fields, first }: FormProps) {
  const [typed, setTyped] = useState(first);
  const [more, setMore] = useState(NO_MORE);
  const [wrong, setWrong] = useState<Typed>({});
  const [isBusy, busy] = useState(false);
  const send = async (event: Event): Promise<void> => {
    event.preventDefault();
    busy(true);
    setWrong({});
    try {
      await accept(name, paramsFrom(typed, fields), more);
    } catch (thrown) {
      setWrong(refusalOf(thrown, fields));
      busy(false);
    }
  };
  return (
    <>
      <Head
        above={[
          [to.jobs, 'Jobs'],
          [to.job(name), name],
        ]}
        title={<>New run of {asText(name)}</>}
      />
      {state !== 'ok' && <p class="refused">The job is {state}.</p>}
      <form class="two even" onSubmit={send} noValidate>
        <ParamFields
          about={description}
          fields={fields}
          typed={typed}
          wrong={wrong}
          onType={(field, text) => setTyped({ ...typed, [field]: text })}
        />
        <div class="stack">
          <MoreFields more={more} onType={(next) => setMore({ ...more, ...next })} />
          <ShellBlock line={lineFor(name, paramWords(typed, fields), more)} />
          {wrong[WHOLE] && (
            <p class="refused" role="alert">
              {asText(wrong[WHOLE])}
            </p>
          )}
          <div class="act">
            <button type="submit" class="btn first" disabled={isBusy}>
              {isNow(more.at) ? 'Run now' : 'Schedule'}
            </button>
            <Go to={to.job(name)} class="btn">
              Leave
            </Go>
          </div>
        </div>
      </form>
    </>
  );
}

interface ParamProps {
  readonly about: string | null;
  readonly fields: readonly ParamField[];
  readonly typed: Typed;
  readonly wrong: Typed;
  readonly onType: (field: string, text: string) => void;
}

function ParamFields({ about, fields, typed, wrong, onType }: ParamProps) {
  return (
    <Panel title="Parameters">
      <div class="form">
        {about && asText(about)}
        {fields.map((field) => (
          <ParamInput
            key={field.name}
            field={field}
            text={typed[field.name]}
            wrong={wrong[field.name] ?? ''}
            onType={(text) => onType(field.name, text)}
          />
        ))}
        {fields.length === 0 && 'It takes none.'}
      </div>
    </Panel>
  );
}

interface MoreProps {
  readonly more: More;
  readonly onType: (next: Partial<More>) => void;
}

function MoreFields({ more: { at, key, priority }, onType }: MoreProps) {
  return (
    <>
      <section class="panel form">
        <WhenField typed={at} otherwise="at once" onType={(next) => onType({ at: next })} />
      </section>
      <section class="panel form pair">
        <Field name="Key" hint="one unfinished run per key">
          {(id) => (
            <input id={id} value={key} onInput={(e) => onType({ key: e.currentTarget.value })} />
          )}
        </Field>
        <Field name="Priority" hint="higher runs first">
          {(id) => (
            <input
              id={id}
              type="number"
              value={priority}
              onInput={(e) => onType({ priority: e.currentTarget.value })}
            />
          )}
        </Field>
      </section>
    </>
  );
}
