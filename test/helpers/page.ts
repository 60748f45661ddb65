// A page of the documentation as something that can be tried. Its code blocks that name a file (`file=` behind the
// language, or a comment in their first line) become that file of a project; its `console` blocks are typed there, line
// by line in the order of the page, and what is printed is compared with what the page says. What no two times are the
// same, such as instants, pids and durations, is compared as a kind of thing only.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { Project, ROOT } from './project.ts';
import { whenOver } from './shared.ts';

interface Block {
  readonly language: string;
  readonly info: string;
  readonly lines: readonly string[];
  /** Where its first line stands in the page. */
  readonly at: number;
}

export interface Typed {
  readonly command: string;
  readonly said: string;
  readonly printed: string;
  readonly line: number;
}

/** No command of a page takes so long. */
const LIMIT_MS = 30_000;
/** The port that all pages name. Another daemon of this machine may have it, so what is tried has a free one. */
const PORT = '9464';
const FENCE = /^```(\w*) ?(.*)$/;
const FILE = /^(?:\/\/|#|--) ([\w./-]+\.\w+)$/;

export const readPage = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

export function blocksOf(page: string): readonly Block[] {
  const lines = page.split('\n');
  const blocks: Block[] = [];
  for (let i = 0; i < lines.length; i++) {
    const [, language = '', info = ''] = FENCE.exec(lines[i] ?? '') ?? [];
    if (!lines[i]?.startsWith('```')) continue;
    const end = lines.indexOf('```', i + 1);
    if (end < 0) throw new Error(`a block begins in line ${i + 1} and never ends`);
    blocks.push({ language, info, lines: lines.slice(i + 1, end), at: i + 2 });
    i = end;
  }
  return blocks;
}

/** Does all that the page shows. Where `write` is set, the page gets what was really printed. */
export async function tryPage(path: string, write: boolean): Promise<readonly Typed[]> {
  const page = readPage(path);
  const project = makeProject();
  const port = await freePort();
  const here = (text: string): string => text.replaceAll(PORT, port);
  whenOver(async () => {
    await type(project, 'jobrun stop --now');
  });
  const typed: Typed[] = [];
  let text = page;
  for (const block of blocksOf(page)) {
    const file = fileOf(block);
    if (file !== null) project.write(file, here(`${block.lines.join('\n')}\n`));
    if (block.language !== 'console') continue;
    const done: Typed[] = [];
    for (const one of commandsIn(block)) {
      const printed = await type(project, here(one.command));
      done.push({ ...one, printed: printed.replaceAll(port, PORT) });
    }
    typed.push(...done);
    if (write) text = replaced(text, block, done);
  }
  if (write && text !== page) writeFileSync(join(ROOT, path), text);
  return typed;
}

/** As it is compared. */
export const alike = (text: string): string =>
  text
    .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, '<instant>')
    .replace(/\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) \d{1,2} \w{3} \d{4}\b/g, '<day>')
    .replace(/\b\d{4}-\d\d-\d\d\b/g, '<day>')
    .replace(/\b\d\d:\d\d(?::\d\d(?:\.\d+)?)?\b/g, '<time>')
    .replace(/(?:<day> )?<time>(?: [A-Z]{2,5}\b)?/g, '<time>')
    .replace(/\b\d+ MB of \d+ MB/g, '<memory>')
    .replace(/\bpid"?:? ?\d+/g, 'pid <n>')
    .replace(/\b\d+(?:\.\d+)?(?:ms|s|m|h|d)\b(?: \d+(?:ms|s|m|h)\b)*/g, '<long>')
    .replace(/\brow \d+/g, 'row <n>')
    .replace(/#key=[\w-]+/g, '#key=<key>')
    .replace(/<long> ago|\bnow\b/g, '<when>')
    .replace(/"(\w*Ms)":\d+(?:\.\d+)?/g, '"$1":<long>')
    .replace(/^(\s*\d+ +\w+ +<time> +<long> +)\d+/gm, '$1<n>')
    .replace(/[ \t]+/g, ' ')
    .replace(/ +$/gm, '')
    .trim();

/** Whether it was printed as the page says; `…` alone in a line stands for any lines. */
export function fits({ said, printed }: Pick<Typed, 'said' | 'printed'>): boolean {
  const parts = alike(said)
    .split(/^…$/m)
    .map((part) => part.trim());
  if (parts.length === 1) return parts[0] === alike(printed);
  const pattern = parts.map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('[^]*');
  return new RegExp(`^${pattern}$`).test(alike(printed));
}

async function freePort(): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  return `${port}`;
}

function makeProject(): Project {
  const project = new Project();
  const bin = `#!/bin/sh\nexec ${process.execPath} ${ROOT}bin/jobrun.js "$@"\n`;
  project.write('../bin/jobrun', bin);
  project.write('../bin/npx', '#!/bin/sh\nnpm_command=exec exec "$@"\n');
  project.env.PATH = `${join(project.env.HOME ?? '', 'bin')}:${project.env.PATH}`;
  project.env.COLUMNS = '100';
  // What a page imports, its reader has installed.
  for (const name of ['zod', '@types/node', 'undici-types'])
    project.link(`node_modules/${name}`, join(ROOT, 'node_modules', name));
  project.write('../bin/tsc', `#!/bin/sh\nexec ${ROOT}node_modules/.bin/tsc "$@"\n`);
  project.link('node_modules/jobrun', ROOT);
  return project;
}

function fileOf({ language, info, lines }: Block): string | null {
  if (language === 'console') return null;
  const shebang = lines[0]?.startsWith('#!') === true;
  const [, named = null] = FILE.exec(lines[shebang ? 1 : 0] ?? '') ?? [];
  return /^file=(\S+)/.exec(info)?.[1] ?? named;
}

function commandsIn({ lines, at }: Block): Omit<Typed, 'printed'>[] {
  const commands: { command: string; said: string[]; line: number }[] = [];
  for (const [i, line] of lines.entries()) {
    const last = commands.at(-1);
    if (line.startsWith('$ ')) commands.push({ command: line.slice(2), said: [], line: at + i });
    else if (last?.command.endsWith('\\')) last.command += `\n${line}`;
    else last?.said.push(line);
  }
  return commands.map(({ said, ...one }) => ({ ...one, said: said.join('\n') }));
}

function replaced(text: string, block: Block, done: readonly Typed[]): string {
  const before = `${block.lines.join('\n')}\n\`\`\``;
  const now = done.flatMap((one) => {
    const kept = fits(one) ? one.said : one.printed.trimEnd();
    return [`$ ${one.command}`, ...(kept === '' ? [] : [kept])];
  });
  return text.replace(before, () => `${now.join('\n')}\n\`\`\``);
}

/** What a person sees who types this in the project; its home is `~`. */
function type(project: Project, command: string): Promise<string> {
  return new Promise((resolve) => {
    const child = spawn('bash', ['-c', `{ ${command}\n} 2>&1`], {
      cwd: project.dir,
      env: project.env,
      stdio: ['ignore', 'pipe', 'ignore'],
      detached: true,
    });
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (chunk) => {
      text += chunk;
    });
    const limit = setTimeout(() => {
      text += `\nno end after ${LIMIT_MS} ms\n`;
      process.kill(-(child.pid ?? 0), 'SIGKILL');
    }, LIMIT_MS);
    child.on('close', () => {
      clearTimeout(limit);
      resolve(text.replaceAll(project.dir, '~/shop').replaceAll(project.env.HOME ?? '', '~'));
    });
  });
}
