// All by which others watch a daemon: metrics and health over HTTP where that is asked for, notifications, systemd. It
// is made before the daemon does anything, so that a port that is taken or a mistake in the config stops the start. It
// is fed with the daemon's data once that exists.
import type { Handle } from '../../commands/dispatch.ts';
import type { Context } from '../../commands/shared/command.ts';
import { version } from '../../commands/version.ts';
import type { Change } from '../../engine/engine.ts';
import type { Run } from '../../run/run.ts';
import type { Clock } from '../../support/clock.ts';
import type { Config } from '../../support/config.ts';
import { newMark } from '../../workers/processes.ts';
import { jobEnvironment } from '../jobs.ts';
import { EXPOSITION_TYPE } from './exposition.ts';
import type { DaemonLog } from './log.ts';
import { Metrics } from './metrics.ts';
import { Notify } from './notify.ts';
import { notifyRules } from './notify-rules.ts';
import { SpanExport } from './span-export.ts';
import { Supervisor, type SystemdVariables } from './supervisor.ts';
import { traceSettings } from './trace-settings.ts';

/** The HTTP side of a daemon (`http/door`), as it is seen from here. */
export interface HttpDoor {
  readonly url: string;
  /** From now on the daemon answers requests. */
  begin(served: ServedRequests): void;
  /** Takes no further request, and ends streams. */
  end(): void;
  close(): Promise<void>;
}

export interface ServedRequests {
  readonly handle: Handle;
  readonly durable: (command: string, isError: boolean) => Promise<void> | null;
}

/** Opens the HTTP door. A parameter, so that a daemon without HTTP loads none of its code. */
export type OpenDoor = (parts: {
  readonly config: Config;
  readonly clock: Clock;
  readonly watched: {
    metrics(): Promise<{ readonly type: string; readonly text: string }>;
    trouble(): string | null;
  };
  readonly onError: (error: unknown) => void;
}) => Promise<HttpDoor>;

export interface WatchingOptions {
  readonly config: Config;
  readonly clock: Clock;
  readonly log: DaemonLog;
  readonly supervisor?: SystemdVariables;
  readonly openDoor?: OpenDoor | null;
}

export interface WatchedDaemon {
  /** Makes the scheduler tick. */
  readonly wake: () => void;
  readonly context: Context;
  /** The fault, in one word; null if all is well. */
  readonly trouble: () => string | null;
}

export class Watching {
  readonly #o: WatchingOptions;
  /** Nothing is counted if it cannot be asked for. */
  readonly #metrics: Metrics | null;
  readonly #notify: Notify;
  readonly #spans: SpanExport | null;
  readonly #supervisor: Supervisor;
  #stopping = false;
  #http: HttpDoor | null = null;
  #daemon: WatchedDaemon | null = null;

  /** Throws `bad-config` for a mistake in `notify` or `trace`. */
  constructor(options: WatchingOptions) {
    const { config, clock, log, supervisor } = options;
    this.#o = options;
    const { logger } = log;
    this.#metrics = config.http.listen === null ? null : new Metrics(clock.now());
    const { dir } = config;
    const why = async (run: Run): Promise<string | null> =>
      (await this.#daemon?.context.engine.why([run], clock.now()))?.[0] ?? null;
    this.#supervisor = new Supervisor(supervisor ?? {}, clock, logger);
    const settings = traceSettings(config, process.env);
    const { host } = config;
    this.#spans = settings && new SpanExport({ settings, version: version(), host, clock, logger });
    const rules = notifyRules(config);
    const env = jobEnvironment(config);
    this.#notify = new Notify({
      rules,
      dir,
      env,
      newMark: () => newMark(config.state),
      config,
      clock,
      logger,
      why,
    });
  }

  /** Throws `bad-option` or `refused` where the address that was asked for cannot be served on. */
  async serve(): Promise<void> {
    const { config, clock, log, openDoor } = this.#o;
    const metrics = this.#metrics;
    if (!openDoor || metrics === null) return;
    const watched = {
      metrics: async () => ({ type: EXPOSITION_TYPE, text: await this.#text(metrics) }),
      trouble: () => this.#trouble(),
    };
    const onError = (err: unknown): void => log.logger.error({ err }, 'http');
    this.#http = await openDoor({ config, clock, watched, onError });
    const { url } = this.#http;
    log.logger.info(`http: ${url}/api/v1, ${url}/metrics, ${url}/healthz`);
  }

  /** The address that HTTP is served on; null where it is off. */
  get url(): string | null {
    return this.#http?.url ?? null;
  }

  /** From now on requests that come over HTTP are answered. */
  answer(served: ServedRequests): void {
    this.#http?.begin(served);
  }

  /** Requests that come over HTTP are answered no more; metrics and health still are. */
  endAnswers(): void {
    this.#http?.end();
  }

  /** From now on there is something to see. */
  begin(daemon: WatchedDaemon): void {
    this.#daemon = daemon;
    this.#supervisor.ready(daemon.wake);
  }

  changed(change: Change): void {
    this.#metrics?.changed(change);
    this.#notify.changed(change);
    this.#spans?.changed(change);
  }

  /** A step of a run was taken a moment ago, in so long. */
  stepped(run: Run, name: string, ms: number): void {
    this.#spans?.stepped(run, name, ms);
  }

  /** The scheduler has ticked. */
  ticked(): void {
    this.#supervisor.ticked(async () => {
      const { running = 0, queued = 0 } = (await this.#daemon?.context.engine.counts()) ?? {};
      return `${running} running, ${queued} queued`;
    });
  }

  stopping(): void {
    this.#stopping = true;
    this.#supervisor.stopping();
  }

  committed(ms: number): void {
    this.#metrics?.committed(ms);
  }

  async close(): Promise<void> {
    await Promise.all([this.#notify.close(), this.#spans?.close()]);
    await this.#http?.close();
    await this.#supervisor.close();
  }

  #trouble(): string | null {
    if (!this.#daemon) return 'starting';
    return this.#stopping ? 'stopping' : this.#daemon.trouble();
  }

  async #text(metrics: Metrics): Promise<string> {
    const context = this.#daemon?.context;
    return metrics.text({
      counts: (await context?.engine.counts()) ?? null,
      workers: context?.daemon?.workers() ?? { busy: 0, total: 0 },
      jobs: context?.catalog.names() ?? [],
      spans: this.#spans?.counts ?? null,
    });
  }
}
