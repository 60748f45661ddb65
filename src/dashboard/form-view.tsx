// The components that schedule a run: the choice of a job, and the form for its params.
import { Box } from 'ink';
import { inputRow } from './footer.ts';
import { type Field, type Form, faultOf, matching } from './form.ts';
import type { Screen } from './model.ts';
import { cursorRow, fill, type Row, ruleRow, styled, tame, textWidth } from './rows.ts';
import { TextRow, TextRows } from './text-rows.tsx';
import type { Sheet } from './theme.ts';
import { readWhen } from './when.ts';

type Pick = Extract<Screen, { kind: 'pick' }>;

interface PickerProps {
  readonly pick: Pick;
  readonly sheet: Sheet;
  readonly height: number;
}

export function JobPicker({ pick, sheet, height }: PickerProps) {
  const { theme, columns } = sheet;
  const found = matching(pick.jobs, pick.line);
  const room = height - 2;
  const top = Math.max(0, Math.min(pick.at - Math.floor(room / 2), found.length - room));
  const name = Math.min(36, Math.max(12, ...found.map((job) => textWidth(job.name))));
  const rows = found.slice(top, top + room).map((job, i) => {
    const isOwn = top + i === pick.at;
    const state = job.state === 'ok' ? '' : `${job.state}  `;
    const row = [
      ` ${isOwn ? '>' : ' '} `,
      ...fill(tame(job.name, theme), name, theme),
      `  ${state}${tame(job.description ?? '', theme)}`,
    ];
    return isOwn ? cursorRow(row, sheet) : row;
  });
  const none = pick.jobs === null ? ' reading the jobs' : ' no such job';
  const input = inputRow(' job: ', pick.line, columns, theme);
  return (
    <Box flexDirection="column" height={height + 1}>
      <TextRow row={ruleRow(columns, theme, 'schedule a run: which job?')} width={columns} />
      <TextRow row={input} width={columns} />
      <TextRow row="" width={columns} />
      <TextRows rows={rows.length > 0 ? rows : [none]} width={columns} height={room} />
    </Box>
  );
}

interface FormProps {
  readonly form: Form;
  readonly sheet: Sheet;
  readonly height: number;
}

export function FormView({ form, sheet, height }: FormProps) {
  const { theme, columns } = sheet;
  const room = Math.max(1, height - 3);
  const isLast = form.at === form.fields.length;
  const top = Math.max(0, Math.min(form.at - Math.floor(room / 2), form.fields.length + 2 - room));
  const label = Math.min(
    20,
    Math.max(8, ...form.fields.map(({ name }) => textWidth(tame(name, theme)))),
  );
  const button = ` ${isLast ? '>' : ' '} ${form.busy ? '[ scheduling ]' : '[ schedule ]'}`;
  const fields = form.fields.map((field, i) => (
    <FieldView
      key={`${field.kind} ${field.name}`}
      field={field}
      isOwn={i === form.at}
      label={label}
      sheet={sheet}
    />
  ));
  const body = [
    ...fields,
    <TextRow key=" blank" row="" width={columns} />,
    <TextRow
      key=" button"
      row={fill(styled(isLast ? 'inverse' : 'plain', button), 18, theme)}
      width={columns}
    />,
  ];
  const shown = body.slice(top, top + room);
  const again = form.like === null ? '' : `, from the params of ${form.like}`;
  const title = `schedule ${tame(form.job, theme)}${again}`;
  const errors = form.error === '' ? [] : form.error.split('\n');
  const wrong = errors.map((line) => styled('red', ` ${tame(line, theme)}`));
  return (
    <Box flexDirection="column" height={height + 1}>
      <TextRow row={ruleRow(columns, theme, title)} width={columns} />
      {shown}
      <TextRows rows={wrong} width={columns} height={height - shown.length} />
    </Box>
  );
}

interface FieldProps {
  readonly field: Field;
  /** True if the caret is in this field. */
  readonly isOwn: boolean;
  /** Width of the names. */
  readonly label: number;
  readonly sheet: Sheet;
}

function FieldView({ field, isOwn, label, sheet }: FieldProps) {
  const { theme, columns } = sheet;
  const name = `${tame(field.name, theme)}${field.required ? ' !' : ''}`;
  const value = Math.max(16, Math.min(40, Math.floor((columns - 4 - label) / 2)));
  const text = isOwn ? inputRow('', field.line, value, theme) : tame(field.line.text, theme);
  const front = label + 4;
  return (
    <Box>
      <TextRow
        row={[` ${isOwn ? '>' : ' '} `, styled(isOwn ? 'bold' : 'plain', name)]}
        width={front}
      />
      <TextRow row={['[', ...fill(text, value - 1, theme), '] ']} width={value + 2} />
      <TextRow row={noteRow(field, sheet)} width={columns - front - value - 2} />
    </Box>
  );
}

/** The fault of the field, or the time that was typed, or the hint. */
function noteRow(field: Field, { theme, here }: Sheet): Row {
  const { kind, line, hint } = field;
  const fault = faultOf(field, here);
  if (fault !== '') return styled('red', `! ${tame(fault, theme)}`);
  if (kind !== 'when' || line.text.trim() === '') return styled('dim', tame(hint, theme));
  const when = readWhen(line.text, here);
  return styled('green', tame(when.ok ? when.echo : '', theme));
}
