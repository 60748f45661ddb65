// A project with a daemon that serves HTTP, and requests to its API with its keys.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Answer, type Asking, ask } from './http.ts';
import { type DaemonProcess, type Doc, eventually, Project } from './project.ts';

export interface ApiAnswer extends Answer {
  /** The body as JSON; null where there is none. */
  readonly json: Doc;
}

export class ApiProject extends Project {
  url = '';
  /** What its last daemon has said so far. */
  log: () => string = () => '';

  /** Starts a daemon and learns its address. */
  async serve(...args: string[]): Promise<DaemonProcess> {
    const daemon = await this.daemon('--http', '127.0.0.1:0', ...args);
    this.log = daemon.log;
    this.url = await eventually(
      () => /http: (http:\/\/\S+)\/api\/v1/.exec(daemon.log())?.[1] ?? null,
    );
    return daemon;
  }

  key(kind: 'key' | 'read-key' = 'key'): string {
    return readFileSync(join(this.state, `http-${kind}`), 'utf8').trim();
  }

  /** A request as a program makes it: with the key, and a body as JSON. */
  async api(
    method: string,
    path: string,
    body?: unknown,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<ApiAnswer> {
    const asking: Asking = {
      method,
      headers: {
        authorization: `Bearer ${this.key()}`,
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    };
    const answer = await ask(`${this.url}/api/v1/${path}`, asking);
    return { ...answer, json: answer.body === '' ? null : JSON.parse(answer.body) };
  }

  async get(path: string): Promise<Doc> {
    const { status, json } = await this.api('GET', path);
    if (status !== 200) throw new Error(`GET ${path}: ${status} ${JSON.stringify(json)}`);
    return json;
  }
}

export async function apiProject(files: Readonly<Record<string, string>>): Promise<ApiProject> {
  const project = new ApiProject(files);
  await project.serve();
  return project;
}
