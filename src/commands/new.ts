// `jobrun new`: a job file to begin with.
import { existsSync } from 'node:fs';
import { join, relative } from 'node:path';
import { JobrunError } from '../support/errors.ts';
import type { Command } from './shared/command.ts';
import { job as known } from './shared/kinds.ts';
import { jobTemplate, SHELL_TEMPLATE, writeNew } from './shared/new-files.ts';
import { argument, flag } from './shared/options.ts';

interface Reply {
  readonly job: string;
  readonly file: string;
}

const ENDINGS = ['ts', 'mts', 'js', 'mjs', 'cjs', 'sh'];
const RUN_BIT = 0o777;

/** Nothing is offered: it is the name of no job yet. */
const newName = { read: known.read, schema: known.schema };

const options = {
  job: argument('<job>', newName, 'its name: letters, digits, ".", "_", "-", "/"'),
  js: flag('--js', 'in JavaScript'),
  sh: flag('--sh', 'as a shell script'),
};

export const newJob: Command<typeof options, Reply> = {
  name: 'new',
  about: 'Write a job file from a template.',
  examples: ['new send-report', 'new reports/daily --js', 'new backup --sh'],
  options,

  ask(request) {
    if (!request.js || !request.sh) return request;
    throw new JobrunError('bad-option', '--js and --sh exclude each other', 'Give one.');
  },

  async local({ job, js, sh }, { config }) {
    const kind = sh ? 'sh' : js ? 'js' : 'ts';
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
