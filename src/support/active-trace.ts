// The active context of OpenTelemetry in this process, where a program has `@opentelemetry/api` and has set it up. The
// package is not loaded here, and need not be there: it puts its parts behind a global symbol, under which all its
// copies find each other. Without it nothing is read, and a function is called as it is.

interface TraceState {
  serialize(): string;
  get(key: string): string | undefined;
  set(key: string, value: string): TraceState;
  unset(key: string): TraceState;
}

interface SpanContext {
  readonly traceId: string;
  readonly spanId: string;
  readonly traceFlags: number;
  readonly traceState?: TraceState;
}

interface Context {
  getValue(key: symbol): unknown;
  setValue(key: symbol, value: unknown): Context;
}

interface ContextManager {
  active(): Context;
  with<T>(context: Context, fn: () => T): T;
}

const API = Symbol.for('opentelemetry.js.api.1');
const SPAN = Symbol.for('OpenTelemetry Context Key SPAN');

export interface ActiveTrace {
  readonly traceparent: string;
  readonly tracestate?: string;
}

/** The span that the caller is in; null where there is none. */
export function activeTrace(): ActiveTrace | null {
  const span = managerOf()?.active().getValue(SPAN) as { spanContext(): SpanContext } | undefined;
  const context = span?.spanContext();
  if (!context) return null;
  const { traceId, spanId, traceFlags, traceState } = context;
  const flags = (traceFlags & 0xff).toString(16).padStart(2, '0');
  const tracestate = traceState?.serialize();
  return { traceparent: `00-${traceId}-${spanId}-${flags}`, ...(tracestate && { tracestate }) };
}

/** Calls the function where spans that it begins are children of this one. */
export function withTrace<T>(
  { traceparent, tracestate }: { readonly traceparent: string; readonly tracestate: string | null },
  fn: () => T,
): T {
  const manager = managerOf();
  if (!manager) return fn();
  const [, traceId = '', spanId = '', flags = '01'] = traceparent.split('-');
  const span = remoteSpan({
    ...{ traceId, spanId, traceFlags: Number.parseInt(flags, 16), isRemote: true },
    ...(tracestate !== null && { traceState: stateOf(tracestate) }),
  });
  return manager.with(manager.active().setValue(SPAN, span), fn);
}

function managerOf(): ContextManager | undefined {
  // `globalThis` has no type for the symbol. The number in its name stands for the shape of what lies there.
  const parts = (globalThis as unknown as Record<symbol, { context?: ContextManager } | undefined>)[
    API
  ];
  return parts?.context;
}

/** A span that is recorded elsewhere: what is said to it here changes nothing. */
function remoteSpan(context: SpanContext & { readonly isRemote: true }): object {
  const itself = (): object => span;
  const span = {
    spanContext: () => context,
    isRecording: () => false,
    end: () => undefined,
    recordException: () => undefined,
    ...{ setAttribute: itself, setAttributes: itself, addEvent: itself, addLink: itself },
    ...{ addLinks: itself, setStatus: itself, updateName: itself },
  };
  return span;
}

/** Entries of a tracestate, the newest first. */
function stateOf(text: string): TraceState {
  const entries = text.split(',').map((entry) => entry.trim());
  const without = (key: string): readonly string[] =>
    entries.filter((entry) => !entry.startsWith(`${key}=`));
  return {
    serialize: () => text,
    get: (key: string) =>
      entries.find((entry) => entry.startsWith(`${key}=`))?.slice(key.length + 1),
    set: (key: string, value: string) => stateOf([`${key}=${value}`, ...without(key)].join(',')),
    unset: (key: string) => stateOf(without(key).join(',')),
  };
}
