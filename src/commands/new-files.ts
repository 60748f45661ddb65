// Writing files that were not there. One that is there stays as it is: nobody loses what they wrote.
import { appendFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { errnoOf, JobrunError } from '../support/errors.ts';

/** True where the file was made, false where there was one. */
export async function writeNew(path: string, content: string, mode = 0o666): Promise<boolean> {
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, content, { flag: 'wx', mode });
    return true;
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return false;
    const message = `${path} cannot be written: ${(error as Error).message}`;
    throw new JobrunError('refused', message, 'Check the folder and its permissions.', error);
  }
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
