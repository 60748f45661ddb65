// A command that was typed after `--`: a run of the built-in job `command`. It comes from a command line of this
// machine, and from nothing else: neither HTTP, nor the library, nor a job can name a program. On a store, where any
// host could take the run, it is refused.
import { BUILT_IN, isBuiltIn } from '../../catalog/catalog.ts';
import type { TypedCommand } from '../../run/run.ts';
import { JobrunError } from '../../support/errors.ts';
import { list, object, text } from '../../support/schema.ts';
import type { Context } from './command.ts';
import type { Entry } from './options.ts';
import { type RunRequest, refuseGiven } from './run-options.ts';

/** Its words are all those after `--`; commander never sees them. */
export const COMMAND: Entry<TypedCommand, TypedCommand, 'given', readonly string[]> = {
  words: '',
  about: 'a program to start, and its arguments',
  is: 'given',
  kind: { schema: object({ argv: list(text), cwd: text }) },
};

interface Given {
  readonly job?: string;
  readonly texts?: readonly string[];
  readonly params?: string;
  readonly command?: readonly string[];
}

/** Returns the part of a request that the words after `--` make: nothing where there are none. */
export function typedCommand(
  { job, command: argv, ...given }: Given,
  shown: (key: string) => string,
): { readonly command?: TypedCommand } {
  if (argv === undefined) return {};
  const [program = ''] = argv;
  if (job !== undefined) {
    const message = `a job and a command exclude each other: "${job}" stands before --`;
    throw new JobrunError('bad-option', message, 'Params of a job are given with -p name=text.');
  }
  if (program === '' || program.startsWith('-')) {
    const message = program === '' ? 'no program stands after --' : `${program} is no program`;
    throw new JobrunError('bad-option', message, 'For example: jobrun run -- make test');
  }
  refuseGiven(given, ['texts', 'params'], shown, 'only for a job');
  return { command: { argv, cwd: process.cwd() } };
}

/** The request for a run of a job, or of a typed command. Throws `refused` where no command may run. */
export function withCommand<T extends { readonly command?: TypedCommand; readonly job?: string }>(
  request: T,
  { catalog, config }: Context,
): T & Pick<RunRequest, 'params'> {
  const { command } = request;
  if (command === undefined) return request;
  if (config.store) {
    const hint = 'Write a command job, jobs/<name>.sh, on the hosts that may run it.';
    const message = 'a typed command needs a state folder: on a store any host could take it';
    throw new JobrunError('refused', message, hint);
  }
  if (!isBuiltIn(catalog.find(BUILT_IN))) {
    const message = `a job file has the name of the built-in job "${BUILT_IN}"`;
    const hint = `Rename that file, or run its job: jobrun run ${BUILT_IN}`;
    throw new JobrunError('refused', message, hint);
  }
  return { ...request, job: BUILT_IN, params: { argv: [...command.argv], cwd: command.cwd } };
}

/** The built-in job, asked for by its name. */
export function notTyped(): JobrunError {
  const message = `the job "${BUILT_IN}" starts only what is typed on the command line`;
  const hint = 'Type the program and its arguments: jobrun run -- <command…>';
  return new JobrunError('refused', message, hint);
}
