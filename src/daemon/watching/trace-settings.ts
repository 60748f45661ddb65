// The target of spans: `trace` of the config, else the variables that OpenTelemetry names. Null: nowhere, which is the
// default.
import type { TraceRules } from '../../run/trace.ts';
import type { Config } from '../../support/config.ts';
import { JobrunError } from '../../support/errors.ts';

export interface TraceSettings extends TraceRules {
  /** The whole address. */
  readonly to: string;
  readonly headers: Readonly<Record<string, string>>;
  /** The share of traces that begin here and are sent, from 0 to 1. */
  readonly sample: number;
  readonly service: string;
  readonly resource: Readonly<Record<string, string>>;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Throws `bad-config` for a mistake in either, and for a protocol that is not spoken. */
export function traceSettings(
  { trace }: Pick<Config, 'trace'>,
  env: Environment,
): TraceSettings | null {
  const { to, sample, join, headers } = trace;
  if (env.OTEL_SDK_DISABLED?.toLowerCase() === 'true') return null;
  const own = of(env, 'ENDPOINT');
  const address = to ?? env.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT ?? own;
  if (!address) return null;
  const protocol = of(env, 'PROTOCOL');
  if (protocol && protocol !== 'http/json')
    throw mistake(
      `${protocol} is not spoken to a collector`,
      'OTEL_EXPORTER_OTLP_PROTOCOL=http/json',
    );
  if (!URL.canParse(address) || !/^https?:$/.test(new URL(address).protocol))
    throw mistake('the endpoint is no http address', 'http://127.0.0.1:4318');
  const isWhole = !to && env.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT;
  return {
    to: isWhole ? address : withPath(address),
    headers: { ...pairsOf(of(env, 'HEADERS')), ...headers },
    sample: sample ?? sampleOf(env),
    join,
    service:
      env.OTEL_SERVICE_NAME || pairsOf(env.OTEL_RESOURCE_ATTRIBUTES)['service.name'] || 'jobrun',
    resource: pairsOf(env.OTEL_RESOURCE_ATTRIBUTES),
  };
}

/** The config with the share of traces that the environment may give. */
export function withSampler(config: Config, env: Environment): Config {
  const settings = traceSettings(config, env);
  return settings ? { ...config, trace: { ...config.trace, sample: settings.sample } } : config;
}

const of = (env: Environment, name: string): string | undefined =>
  env[`OTEL_EXPORTER_OTLP_TRACES_${name}`] || env[`OTEL_EXPORTER_OTLP_${name}`];

/** `http://127.0.0.1:4318` is the collector, and `/v1/traces` where it takes spans. */
function withPath(address: string): string {
  const { pathname } = new URL(address);
  return pathname.endsWith('/v1/traces') ? address : `${address.replace(/\/+$/, '')}/v1/traces`;
}

function sampleOf({
  OTEL_TRACES_SAMPLER: name,
  OTEL_TRACES_SAMPLER_ARG: arg,
}: Environment): number {
  const kind = name?.replace(/^parentbased_/, '') ?? 'always_on';
  if (kind === 'always_on') return 1;
  if (kind === 'always_off') return 0;
  const share = arg === undefined || arg === '' ? 1 : Number(arg);
  if (kind === 'traceidratio' && share >= 0 && share <= 1) return share;
  throw mistake(
    `the sampler ${name} with ${arg ?? 'no argument'}`,
    'OTEL_TRACES_SAMPLER=traceidratio',
  );
}

/** `a=1,b=2`, percent-encoded. */
function pairsOf(list: string | undefined): Record<string, string> {
  const pairs = (list ?? '').split(',').flatMap((pair) => {
    const [, key, value = ''] = /^\s*([^=\s]+)\s*=(.*)$/.exec(pair) ?? [];
    return key === undefined ? [] : [[decoded(key), decoded(value.trim())] as const];
  });
  return Object.fromEntries(pairs);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    if (error instanceof URIError) return text;
    throw error;
  }
}

const mistake = (message: string, example: string): JobrunError =>
  new JobrunError('bad-config', `traces: ${message}`, `For example: ${example}`);
