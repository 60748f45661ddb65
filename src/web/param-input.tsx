// The field for one param, as its schema says: a list, a box to check, a number, a text, or JSON.
import { type ParamField, paramText } from '../commands/shared/param-fields.ts';
import { Area, Field } from './field.tsx';

interface Props {
  readonly field: ParamField;
  /** Undefined where it has not been touched. */
  readonly text: string | undefined;
  readonly wrong: string;
  readonly onType: (text: string) => void;
}

export function ParamInput({ field, text, wrong, onType }: Props) {
  const { name, kind, type, choices, required, schema } = field;
  const preset = schema.default === undefined ? '' : paramText(schema.default);
  const told = [
    kind === 'json' ? 'JSON' : choices.length > 0 && type !== 'boolean' ? 'one of these' : type,
    required ? 'needed' : preset === '' ? '' : `default ${preset}`,
  ];
  const typed = (event: { readonly currentTarget: { readonly value: string } }): void =>
    onType(event.currentTarget.value);
  const shown = text ?? '';
  const isLarge = kind === 'json' || ['object', 'array', ''].includes(type);
  return (
    <Field
      name={name}
      kind={told.filter(Boolean).join(', ')}
      hint={paramText(schema.description ?? '')}
      wrong={wrong}
    >
      {(id) => {
        if (type === 'boolean')
          return (
            <input
              id={id}
              class="check"
              type="checkbox"
              checked={(text ?? preset) === 'true'}
              onChange={(event) => onType(String(event.currentTarget.checked))}
            />
          );
        if (choices.length > 0)
          return (
            <select id={id} value={text ?? preset} required={required} onChange={typed}>
              {preset === '' && <option value="" />}
              {choices.map((one) => (
                <option key={one}>{one}</option>
              ))}
            </select>
          );
        if (isLarge) return <Area id={id} value={shown} onType={onType} />;
        const same = { id, required, placeholder: preset, value: shown, onInput: typed };
        const isNumber = ['number', 'integer'].includes(type);
        return isNumber ? <input type="number" step="any" {...same} /> : <input {...same} />;
      }}
    </Field>
  );
}
