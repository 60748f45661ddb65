// The files that `init`, `new` and `types` make: their content, and how they are written. A file that a user may have
// written stays as it is: no work is lost.
import { appendFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { errnoOf, JobrunError } from '../../support/errors.ts';

/** True where the file was made, false where there was one. */
export async function writeNew(path: string, content: string, mode = 0o666): Promise<boolean> {
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, content, { flag: 'wx', mode });
    return true;
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return false;
    throw unwritable(path, error);
  }
}

/** Writes a file that is made anew each time. The same content is not written again: programs may watch the file. */
export async function writeAnew(path: string, content: string): Promise<void> {
  try {
    if ((await contentOf(path)) !== content) await writeFile(path, content);
  } catch (error) {
    throw unwritable(path, error);
  }
}

function unwritable(path: string, error: unknown): JobrunError {
  const message = `${path} cannot be written: ${(error as Error).message}`;
  return new JobrunError('refused', message, 'Check the folder and its permissions.', error);
}

/** Adds a line to the project's .gitignore, unless it is there. */
export async function ignoreInGit(dir: string, line: string): Promise<boolean> {
  const path = join(dir, '.gitignore');
  const content = await contentOf(path);
  if (content.split(/\r?\n/).includes(line)) return false;
  const gap = content === '' || content.endsWith('\n') ? '' : '\n';
  await appendFile(path, `${gap}${line}\n`);
  return true;
}

async function contentOf(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return '';
    throw error;
  }
}

export const HELLO = `import { defineJob } from 'jobrun';

// Try it: jobrun run hello -p name=Ada
export default defineJob({
  description: 'Says hello, a letter at a time',
  async run(params: { name?: string }, ctx) {
    const greeting = \`Hello, \${params.name ?? 'world'}!\`;
    for (let i = 1; i <= greeting.length; i++) {
      ctx.progress((100 * i) / greeting.length, greeting.slice(0, i));
      await ctx.sleep('100ms');
    }
    ctx.log.info(greeting);
    return { greeting };
  },
});
`;

export const COUNT_FILES = `import { readdir } from 'node:fs/promises';
import { defineJob } from 'jobrun';

// Try it: jobrun run count-files -p folder=.
// Kill the daemon half way, start it again: the run goes on with the folder it was at.
export default defineJob({
  description: 'Counts the files below a folder, and goes on where it was after a crash',
  retries: 2,
  initialize: (params: { folder?: string }) => ({ left: [params.folder ?? '.'], files: 0 }),
  async run(_params, ctx) {
    let { left, files } = ctx.checkpoint as { left: string[]; files: number };
    while (left.length > 0 && !ctx.signal.aborted) {
      const [folder = '.', ...rest] = left;
      const entries = await readdir(folder, { withFileTypes: true });
      const folders = entries.filter((entry) => entry.isDirectory());
      left = [...rest, ...folders.map((entry) => \`\${folder}/\${entry.name}\`)];
      files += entries.length - folders.length;
      await ctx.save({ left, files });
      ctx.progress(100 / (left.length + 1), \`\${files} files, \${left.length} folders to go\`);
    }
    return { files };
  },
});
`;

export const CONFIG = `${JSON.stringify({ workers: 4, drain: '30s', defaults: {} }, null, 2)}\n`;

export const jobTemplate = (name: string, typed: boolean): string =>
  `import { defineJob } from 'jobrun';

export default defineJob({
  description: '${name}',
  async run(params${typed ? ': { name?: string }' : ''}, ctx) {
    ctx.log.info('started', { params });
    ctx.progress(50, 'half way');
    return { ok: true };
  },
});
`;

export const SHELL_TEMPLATE = `#!/bin/sh
# Params come as JSON on stdin and in JOBRUN_PARAMS. What is printed is the log; lines with :: are for jobrun.
set -eu
echo "run $JOBRUN_ID, attempt $JOBRUN_ATTEMPT, params $JOBRUN_PARAMS"
echo "::progress 50 half way"
echo '::output {"ok":true}'
`;
