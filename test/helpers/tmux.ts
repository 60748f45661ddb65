// A real terminal for tests: tmux on a socket of its own, a shell in it, keys in and the screen out.

import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { needProgram } from './platform.ts';
import { eventually } from './project.ts';
import { whenOver } from './shared.ts';

export class Screen {
  readonly #socket: string;

  constructor(
    cwd: string,
    env: Readonly<Record<string, string>>,
    size: { readonly columns: number; readonly rows: number },
  ) {
    needProgram('tmux');
    const folder = mkdtempSync(join(tmpdir(), 'jobrun-tmux-'));
    this.#socket = join(folder, 'socket');
    const { columns, rows } = size;
    const shell = 'PS1="$ " exec bash --norc --noprofile';
    const args = [
      'new-session',
      '-d',
      '-s',
      't',
      '-x',
      `${columns}`,
      '-y',
      `${rows}`,
      '-c',
      cwd,
      shell,
    ];
    // What called these tests did not call what is typed here.
    const isTyped = ([name]: readonly unknown[]): boolean => !/^(?:TMUX$|npm_)/.test(String(name));
    const outer = Object.fromEntries(Object.entries(process.env).filter(isTyped));
    execFileSync('tmux', ['-S', this.#socket, '-f', '/dev/null', '-u', ...args], {
      env: { ...outer, ...env, TERM: 'xterm-256color' },
    });
    whenOver(async () => {
      spawnSync('tmux', ['-S', this.#socket, 'kill-server']);
      // What ran in it is told to end, and may look at its project once more.
      await pause(300);
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
    });
  }

  /** Keys by their tmux names; what is none is typed as it is. */
  press(...keys: readonly string[]): void {
    for (const key of keys) this.#tmux('send-keys', '-t', 't', key);
  }

  type(text: string): void {
    this.#tmux('send-keys', '-t', 't', '-l', '--', text);
  }

  get lines(): string[] {
    return this.#tmux('capture-pane', '-p', '-t', 't').replace(/\n$/, '').split('\n');
  }

  get text(): string {
    return this.lines.join('\n');
  }

  resize(columns: number, rows: number): void {
    this.#tmux('resize-window', '-t', 't', '-x', `${columns}`, '-y', `${rows}`);
  }

  /** Looks until the screen shows it, and says what there was where it never does. */
  async shows(what: string | RegExp, withinMs = 10_000): Promise<string> {
    const fits = (text: string): boolean =>
      typeof what === 'string' ? text.includes(what) : what.test(text);
    try {
      return await eventually(() => (fits(this.text) ? this.text : null), withinMs);
    } catch {
      throw new Error(`the screen never showed ${what}:\n${this.text}`);
    }
  }

  /** The process that runs in the shell just now. */
  get pid(): number {
    const shell = this.#tmux('list-panes', '-t', 't', '-F', '#{pane_pid}').trim();
    const [child = ''] = readFileSync(`/proc/${shell}/task/${shell}/children`, 'utf8').split(' ');
    if (child === '') throw new Error('nothing runs in the terminal');
    return Number(child);
  }

  /** Closes the terminal: what runs in it gets a hangup. */
  close(): void {
    this.#tmux('kill-server');
  }

  /** Everything that is sent to the terminal from now on, in a file. */
  record(file: string): void {
    this.#tmux('pipe-pane', '-t', 't', `cat > ${file}`);
  }

  #tmux(...args: readonly string[]): string {
    return execFileSync('tmux', ['-S', this.#socket, ...args], { encoding: 'utf8' });
  }
}

/** Milliseconds of processor time that a process has used so far, in steps of ten. */
export function cpuMsOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10;
}
