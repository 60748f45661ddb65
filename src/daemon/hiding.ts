// What an attempt says, with the values hidden that the config asks to hide: before it is shown, told or written down.
import { type Mask, maskOf } from '../run/secrets.ts';
import type { Json } from '../support/json.ts';
import type { FromRun } from '../workers/messages.ts';

export function hiderOf(params: Json, redact: readonly string[]): (message: FromRun) => FromRun {
  const mask = maskOf(params, redact);
  return mask === null ? asItIs : (message) => hidden(message, mask);
}

const asItIs = (message: FromRun): FromRun => message;

/** Log, progress and error: a job's own values, what it saves and returns, are not ours to change. */
function hidden(message: FromRun, mask: Mask): FromRun {
  switch (message.type) {
    case 'log': {
      const { text, fields } = message.line;
      return { ...message, line: { ...message.line, text: mask(text), fields: mask(fields) } };
    }
    case 'progress':
      return { ...message, text: mask(message.text) };
    case 'outcome': {
      const { outcome } = message;
      if (!('error' in outcome) || outcome.error === undefined) return message;
      const { name, message: text, stack } = outcome.error;
      const error = { name: mask(name), message: mask(text), stack: mask(stack) };
      return { ...message, outcome: { ...outcome, error } };
    }
    default:
      return message;
  }
}
