// Sends spans to a collector, as OTLP over HTTP in JSON. It stands beside the work and never in its way: spans wait in
// a bounded line, one request is under way at a time, each with a limit of time and three tries, and a stop waits a
// moment. Spans that cannot be sent is counted and dropped.
import type { Logger } from 'pino';
import type { Change } from '../../engine/engine.ts';
import type { Run } from '../../run/run.ts';
import { type Clock, delay } from '../../support/clock.ts';
import { SECOND } from '../../support/limits.ts';
import { type Failed, postJson } from './post-json.ts';
import { type Attribute, attributes, type Span, spanOf, spanOfStep } from './spans.ts';
import type { TraceSettings } from './trace-settings.ts';

/** As many as OpenTelemetry's own batches. */
const MOST_WAITING = 2048;
const MOST_AT_ONCE = 512;
const SEND_AFTER_MS = SECOND;
const TRY_MS = 10 * SECOND;
/** Before the second and the third try; after that it is given up. */
const AGAIN_AFTER_MS = [SECOND, 5 * SECOND];
const STOP_MS = 2 * SECOND;
const SAMPLED = 1;

export interface SpanCounts {
  sent: number;
  /** Too many waited. */
  dropped: number;
  /** The collector did not take them. */
  failed: number;
}

export interface SpanExportParts {
  readonly settings: TraceSettings;
  readonly version: string;
  readonly host: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

export class SpanExport {
  readonly counts: SpanCounts = { sent: 0, dropped: 0, failed: 0 };
  readonly #p: SpanExportParts;
  readonly #resource: readonly Attribute[];
  readonly #ending = new AbortController();
  #waiting: Span[] = [];
  #undo: (() => void) | null = null;
  #sending: Promise<void> | null = null;

  constructor(parts: SpanExportParts) {
    this.#p = parts;
    const { service, resource } = parts.settings;
    this.#resource = attributes({
      'host.name': parts.host,
      ...resource,
      'service.name': service,
    });
  }

  changed(change: Change): void {
    const span = spanOf(change, this.#p.settings);
    if (span) this.#put(span);
  }

  stepped(run: Run, name: string, ms: number): void {
    const { settings, clock } = this.#p;
    this.#put(spanOfStep(run, { name, ms, endedAt: clock.now() }, settings));
  }

  #put(span: Span): void {
    const { clock } = this.#p;
    if ((span.flags & SAMPLED) === 0) return;
    if (this.#waiting.length >= MOST_WAITING) this.counts.dropped++;
    else this.#waiting.push(span);
    if (this.#waiting.length >= MOST_AT_ONCE) this.#send();
    else this.#undo ??= clock.after(SEND_AFTER_MS, () => this.#send(), { idle: true });
  }

  /** Resolves within a moment: with all of it sent, or with the rest given up. */
  async close(): Promise<void> {
    const { clock, logger } = this.#p;
    this.#send();
    const all = async (): Promise<void> => {
      while (this.#sending) await this.#sending;
    };
    await Promise.race([all(), delay(clock, STOP_MS, this.#ending.signal)]);
    const left = this.#waiting.length;
    this.#waiting = [];
    this.#ending.abort();
    await all();
    this.counts.failed += left;
    if (left > 0) logger.warn(`${left} spans given up at the end`);
  }

  #send(): void {
    this.#undo?.();
    this.#undo = null;
    if (this.#sending || this.#waiting.length === 0 || this.#ending.signal.aborted) return;
    const spans = this.#waiting.splice(0, MOST_AT_ONCE);
    this.#sending = this.#sendAll(spans).finally(() => {
      this.#sending = null;
      this.#send();
    });
  }

  async #sendAll(spans: readonly Span[]): Promise<void> {
    const { clock, logger } = this.#p;
    const { signal } = this.#ending;
    const body = JSON.stringify(this.#requestOf(spans));
    for (let tries = 1; ; tries++) {
      const failed = await this.#try(body);
      if (failed === null) {
        this.counts.sent += spans.length;
        return;
      }
      const again = failed.final ? undefined : AGAIN_AFTER_MS[tries - 1];
      if (again !== undefined && !signal.aborted) await delay(clock, again, signal);
      if (again === undefined || signal.aborted) {
        this.counts.failed += spans.length;
        const host = new URL(this.#p.settings.to).host;
        logger.warn(`${spans.length} spans were not sent to ${host}: ${failed.why}`);
        return;
      }
    }
  }

  #requestOf(spans: readonly Span[]): object {
    const scope = { name: 'jobrun', version: this.#p.version };
    const resource = { attributes: this.#resource, droppedAttributesCount: 0 };
    return { resourceSpans: [{ resource, scopeSpans: [{ scope, spans }] }] };
  }

  #try(body: string): Promise<Failed | null> {
    const { to, headers } = this.#p.settings;
    const limit = new AbortController();
    const undo = this.#p.clock.after(TRY_MS, () => limit.abort());
    const signal = AbortSignal.any([this.#ending.signal, limit.signal]);
    return postJson(to, body, { signal, late: LATE, headers, isPassing: PASSING }).finally(undo);
  }
}

const LATE: Failed = { why: 'it did not answer in time', final: false };

/** As the OTLP specification has it. */
const PASSING = (status: number): boolean => [429, 502, 503, 504].includes(status);
