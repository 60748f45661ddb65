// `jobrun types`: writes a file of types, so that TypeScript checks names and params of jobs where a program gives them
// as texts. A TypeScript job has the types of its definition, any other those of its schema.
import { basename, dirname, join, resolve } from 'node:path';
import type { FileEntry } from '../catalog/catalog.ts';
import { includeWithout } from '../catalog/tsconfig.ts';
import type { Json } from '../support/json.ts';
import { shortPath } from '../support/read-file.ts';
import { count } from '../support/text.ts';
import type { Command } from './shared/command.ts';
import { text } from './shared/kinds.ts';
import { writeAnew } from './shared/new-files.ts';
import { option } from './shared/options.ts';
import { typeOfSchema } from './shared/schema-types.ts';

interface Reply {
  /** The file that it goes to. */
  readonly file: string;
  readonly jobs: readonly string[];
  readonly content: string;
}

const options = {
  out: option('--out <file>', text(4096), 'where to write it; default: jobs.d.ts in the project'),
};

export const writeTypes: Command<typeof options, Reply> = {
  name: 'types',
  reads: true,
  about:
    'Write jobs.d.ts: names, params and outputs of the jobs, so that TypeScript checks them in schedule and emit. Include the file in your tsconfig, and run this again after jobs have changed.',
  examples: ['types', 'types --out src/jobs.d.ts'],
  options,

  ask: (request, { config }) => ({
    out: request.out === undefined ? join(config.dir, 'jobs.d.ts') : resolve(request.out),
  }),

  async handle({ out: file = '' }, { catalog }) {
    await catalog.ready();
    const jobs = [...catalog.all()].sort((a, b) => (a.name < b.name ? -1 : 1));
    const lines = jobs.map((job) => `    ${quoted(job.name)}: ${typeOf(job, dirname(file))};`);
    const content = `${HEAD}${lines.join('\n')}${FOOT}`;
    return { file, jobs: jobs.map(({ name }) => name), content };
  },

  async show({ content, ...reply }, out) {
    await writeAnew(reply.file, content);
    const file = shortPath(process.cwd(), reply.file);
    if (out.done(reply, [file])) return undefined;
    out.line`Wrote ${file} with ${count(reply.jobs.length, 'job')}`;
    const include = includeWithout(reply.file);
    if (include === null) return undefined;
    const list = [...include, basename(file)].map((one) => JSON.stringify(one)).join(', ');
    out.note`  include it in tsconfig.json: "include": [${list}]`;
    return undefined;
  },
};

const HEAD = `// Written by \`jobrun types\`: the jobs of this project. Write it again after jobs have changed, and do not edit it.
import type { JobDefinition, JobOf } from 'jobrun';

declare module 'jobrun' {
  interface JobTypes {
`;
const FOOT = `
  }
}
`;

const quoted = (name: string): string => `'${name}'`;

/** Only TypeScript tells types of itself; what the schema of another job takes is told by its JSON Schema. */
function typeOf(job: FileEntry, folder: string): string {
  if (/\.[cm]?ts$/.test(job.file)) {
    const path = shortPath(folder, job.file);
    const from = path.startsWith('.') || path.startsWith('/') ? path : `./${path}`;
    return `JobOf<typeof import(${JSON.stringify(from)}).default>`;
  }
  const schema: Json = job.state === 'ok' ? job.data.schema : null;
  return `JobDefinition<any, unknown, ${typeOfSchema(schema)}>`;
}
