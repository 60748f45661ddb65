// Several hosts that share a store: projects in folders of their own, with the same jobs.
import { ApiProject } from './api.ts';
import { freshStore } from './postgres.ts';

export interface HostsOptions {
  /** Of a server that the test has for itself. */
  readonly store?: string;
  readonly lease?: string;
  readonly files: Readonly<Record<string, string>>;
}

/** Hosts by their names, each with its daemon still to be started. */
export async function hosts<Name extends string>(
  names: readonly Name[],
  { store, lease = '3s', files }: HostsOptions,
): Promise<Record<Name, ApiProject>> {
  const engine = store ?? (await freshStore({ fsync: true }));
  const made = names.map((host) => {
    const config = JSON.stringify({ engine, host, lease, workers: 2 });
    return [host, new ApiProject({ ...files, 'jobrun.config.json': config })] as const;
  });
  return Object.fromEntries(made) as Record<Name, ApiProject>;
}
