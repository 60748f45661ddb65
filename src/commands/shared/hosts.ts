// The hosts whose daemons share a store: who they are, and which jobs each of them has. Without a store there is one.
import type { ListedMember, Members, SeenWorker } from '../../engine/members.ts';
import { isSilent } from '../../run/lease.ts';
import { isoOf } from '../../support/clock.ts';
import type { Config } from '../../support/config.ts';
import { version } from '../version.ts';
import type { Context } from './command.ts';
import type { HostView } from './replies.ts';

export function hostView(member: ListedMember): HostView {
  const { id, host, pid, since, version, workers, silentMs, leaseMs, jobs } = member;
  const state = isSilent(silentMs, leaseMs) ? 'silent' : 'alive';
  const silence = { state, silentMs: Math.round(silentMs) } as const;
  return { id, host, pid, since: isoOf(since), version, workers, ...silence, jobs };
}

/** All daemons at work: on files the one that answers, if one does. */
export async function hostViews(context: Context): Promise<readonly HostView[]> {
  const { daemon, members, config, catalog } = context;
  // Its own workers a daemon knows as they are now; the store knows them as they were at the last renewal.
  const asNow = (one: ListedMember): ListedMember =>
    daemon && one.id === members.self.id ? { ...one, workers: daemon.workers() } : one;
  if (config.store) return (await members.list()).map((one) => hostView(asNow(one)));
  if (!daemon) return [];
  const { pid, since, workers } = daemon;
  const jobs = catalog.all().flatMap(({ name, state }) => (state === 'ok' ? [name] : []));
  return [
    hostView({
      ...{ id: members.self.id, host: config.host, pid, since, jobs, version: version() },
      ...{ workers: workers(), progress: [], beats: 0, silentMs: 0, leaseMs: config.leaseMs },
    }),
  ];
}

/** By the name of a job: the hosts with a daemon that lives and can run it. */
function hostsByJob(members: readonly ListedMember[]): ReadonlyMap<string, readonly string[]> {
  const hosts = new Map<string, string[]>();
  for (const { host, jobs, silentMs, leaseMs } of members) {
    if (isSilent(silentMs, leaseMs)) continue;
    for (const job of jobs) {
      const known = hosts.get(job);
      if (!known) hosts.set(job, [host]);
      else if (!known.includes(host)) known.push(host);
    }
  }
  return hosts;
}

/** Why runs of this job wait that is not here. */
export const onlyOn = (hosts: readonly string[]): string => `only on ${hosts.join(', ')}`;

export interface Elsewhere {
  readonly config: Pick<Config, 'store'>;
  readonly members: Pick<Members, 'list' | 'self'>;
}

/**
 * The hosts of each job that a daemon elsewhere can run; none without a store. A daemon itself is not among them: it
 * knows its own jobs as they are now, and the store knows them as they were at its last renewal.
 */
export async function hostsElsewhere({
  config,
  members,
}: Elsewhere): Promise<ReturnType<typeof hostsByJob>> {
  if (!config.store) return new Map();
  return hostsByJob((await members.list()).filter(({ id }) => id !== members.self.id));
}

/** The names of the jobs that have a file here, and of those that a daemon elsewhere can run. */
export const jobsAnywhere = async (
  context: Elsewhere & Pick<Context, 'catalog'>,
): Promise<ReadonlySet<string>> =>
  new Set([...context.catalog.names(), ...(await hostsElsewhere(context)).keys()]);

/**
 * The workers outside that any daemon of the store has heard within a minute. Each daemon knows of all runs that are
 * held, so these are not added up.
 */
export async function seenWorkers({
  daemon,
  members,
  config,
}: Pick<Context, 'daemon' | 'members' | 'config'>): Promise<readonly SeenWorker[]> {
  const own = daemon?.outside.seen() ?? [];
  if (!config.store) return own;
  const others = (await members.list()).filter(
    ({ id }) => daemon === null || id !== members.self.id,
  );
  const byName = new Map<string, SeenWorker>();
  for (const one of [...own, ...others.flatMap(({ outside = [] }) => outside)]) {
    const known = byName.get(one.name) ?? one;
    byName.set(one.name, {
      name: one.name,
      jobs: [...new Set([...known.jobs, ...one.jobs])].sort(),
      seenAt: Math.max(known.seenAt, one.seenAt),
      running: Math.max(known.running, one.running),
    });
  }
  return [...byName.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}
