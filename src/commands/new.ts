// `jobrun new`: a job file to begin with.
import { existsSync } from 'node:fs';
import { join, relative } from 'node:path';
import { JobrunError } from '../support/errors.ts';
import type { Command } from './command.ts';
import { jobName } from './fields.ts';
import { examples } from './help.ts';
import { writeNew } from './new-files.ts';
import { jobTemplate, SHELL_TEMPLATE } from './templates.ts';

type Kind = 'ts' | 'js' | 'sh';

interface Request {
  readonly job: string;
  readonly kind: Kind;
}

interface Reply {
  readonly job: string;
  readonly file: string;
}

const ENDINGS = ['ts', 'mts', 'js', 'mjs', 'cjs', 'sh'];
const RUN_BIT = 0o777;

export const newJob: Command<Request, Reply> = {
  name: 'new',

  define(program) {
    program.argument('<job>', 'its name: letters, digits, ".", "_", "-", "/"');
    program.description('Write a job file from a template.');
    program.option('--js', 'in JavaScript').option('--sh', 'as a shell script');
    examples(program, 'new send-report', 'new reports/daily --js', 'new backup --sh');
  },

  ask({ args, options }) {
    const { js, sh } = options;
    if (js === true && sh === true)
      throw new JobrunError('bad-option', '--js and --sh exclude each other', 'Give one.');
    return { job: jobName(args[0]), kind: sh === true ? 'sh' : js === true ? 'js' : 'ts' };
  },

  async local({ job, kind }, { config }) {
    const taken = ENDINGS.map((ending) => join(config.jobs, `${job}.${ending}`)).find(existsSync);
    if (taken !== undefined) throw isThere(job, taken);
    const path = join(config.jobs, `${job}.${kind}`);
    const made =
      kind === 'sh'
        ? await writeNew(path, SHELL_TEMPLATE, RUN_BIT)
        : await writeNew(path, jobTemplate(job, kind === 'ts'));
    if (!made) throw isThere(job, path);
    return { job, file: relative(config.dir, path) };
  },

  show(reply, out) {
    if (out.done(reply, [reply.file])) return undefined;
    out.line`Made ${reply.file}`;
    out.note`  run it: jobrun run ${reply.job}`;
    return undefined;
  },
};

function isThere(job: string, path: string): JobrunError {
  const hint = 'Choose another name, or edit that file.';
  return new JobrunError('refused', `there is a job ${job} already: ${path}`, hint);
}
