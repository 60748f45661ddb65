// `jobrun init`: a project to begin with. Never overwrites.
import { join, relative } from 'node:path';
import { CONFIG_FILE } from '../support/config.ts';
import type { Command } from './shared/command.ts';
import { CONFIG, COUNT_FILES, HELLO, ignoreInGit, writeNew } from './shared/new-files.ts';

interface Reply {
  readonly dir: string;
  readonly made: readonly string[];
  readonly kept: readonly string[];
}

const options = {};

export const init: Command<typeof options, Reply> = {
  name: 'init',
  begins: true,
  about: 'Create jobs/ with two examples, and a config. Never overwrites a file.',
  examples: ['init', 'init --dir ~/tasks'],
  options,

  async local(_request, { config }) {
    const { dir, jobs } = config;
    const files = {
      [join(jobs, 'hello.ts')]: HELLO,
      [join(jobs, 'count-files.ts')]: COUNT_FILES,
      [join(dir, CONFIG_FILE)]: CONFIG,
    };
    const made: string[] = [];
    const kept: string[] = [];
    for (const [path, content] of Object.entries(files)) {
      const list = (await writeNew(path, content)) ? made : kept;
      list.push(relative(dir, path));
    }
    const ignored = await ignoreInGit(dir, '/state/*').then(
      async (added) => (await ignoreInGit(dir, '!/state/README.md')) || added,
    );
    (ignored ? made : kept).push('.gitignore');
    return { dir, made, kept };
  },

  show(reply, out) {
    if (out.done(reply, reply.made)) return undefined;
    for (const path of reply.made) out.line`made  ${path}`;
    for (const path of reply.kept) out.line`kept  ${path}`;
    out.note`Next:  jobrun daemon                    in one terminal`;
    out.note`       jobrun run hello -p name=Ada     in another`;
    return undefined;
  },
};
