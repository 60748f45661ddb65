// The entry `http` of the config: an address, or an object with the address and what else the HTTP door needs to know.
// The address of `--http` or JOBRUN_HTTP takes the place of the written one; the rest of the entry stays in force.
import * as v from 'valibot';
import { HTTP_OFF, type HttpSettings } from './http-address.ts';
import { be, flag, httpAddress, isFields, list, type Schema, strict } from './schema.ts';

const isBase = (path: unknown): boolean =>
  typeof path === 'string' && /^(?:\/[\w.~-]+)*$/.test(path);

const isHostName = (name: unknown): boolean =>
  typeof name === 'string' && /^(?:[\w-]+(?:\.[\w-]+)*|\[[\da-f:.]+\])$/i.test(name);

const AS_OBJECT = strict(
  {
    listen: v.optional(httpAddress),
    base: v.optional(be<string>("a path such as '/jobs'", isBase), ''),
    names: v.optional(list(be<string>("a host name such as 'jobs.example.com'", isHostName)), []),
    readOnly: v.optional(flag, false),
  },
  { noun: 'setting', place: 'settings' },
);

export const httpSettings: Schema<HttpSettings> = v.pipe(
  v.lazy((value) => (isFields(value) ? AS_OBJECT : httpAddress) as Schema<Written>),
  v.transform((value) =>
    typeof value === 'string'
      ? { ...HTTP_OFF, listen: value }
      : { ...value, listen: value.listen ?? null },
  ),
);

type Written = string | v.InferOutput<typeof AS_OBJECT>;
