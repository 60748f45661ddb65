// A worker outside, as a test plays it: what it asks of the API of a project.
import { type ApiProject, apiProject } from './api.ts';
import type { Doc } from './project.ts';

export class OutsideWorker {
  readonly #project: ApiProject;
  readonly #name: string;

  constructor(project: ApiProject, name = 'w1') {
    this.#project = project;
    this.#name = name;
  }

  async take(jobs: readonly string[] = ['resize'], more: object = { wait: '10s' }): Promise<Doc[]> {
    const { status, json } = await this.asks({ jobs, worker: this.#name, ...more });
    if (status !== 200) throw new Error(`take: ${status} ${JSON.stringify(json)}`);
    return json;
  }

  asks(body: object): Promise<Doc> {
    return this.#project.api('POST', 'leases', body);
  }

  /** `says('12.1', {})`, `says('12.1/done', { output: 1 })`. */
  async says(lease: string, body: object = {}, headers: Record<string, string> = {}): Promise<Doc> {
    return this.#project.api('POST', `leases/${lease}`, body, headers);
  }

  /** The status and the code of an error. */
  async refusal(lease: string, body: object = {}): Promise<string> {
    const { status, json } = await this.says(lease, body);
    return `${status} ${json.error?.code ?? 'accepted'}`;
  }
}

export const external = (more: object = {}): string => JSON.stringify({ external: true, ...more });

export async function outsideProject(
  options: object = {},
  files: Readonly<Record<string, string>> = {},
): Promise<readonly [ApiProject, OutsideWorker]> {
  const project = await apiProject({ 'jobs/resize.json': external(options), ...files });
  return [project, new OutsideWorker(project)];
}

/** Accepts a run over the API; gives its id. */
export async function accept(project: ApiProject, body: object = {}): Promise<string> {
  const { json } = await project.api('POST', 'runs', { job: 'resize', ...body });
  if (!json.id) throw new Error(JSON.stringify(json));
  return json.id;
}
