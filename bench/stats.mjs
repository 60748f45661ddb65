// Numbers of a bench: medians and percentiles, and how they are printed.

/** The value below which a share `p` (0 to 1) of the values lies. */
export function percentile(values, p) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * p))] ?? Number.NaN;
}

export const median = (values) => percentile(values, 0.5);

/** Milliseconds of a monotonic clock that all processes of a machine share. */
export const nowMs = () => Number(process.hrtime.bigint()) / 1e6;

/** Runs `work` and returns how long it took, in milliseconds. */
export async function timed(work) {
  const begin = nowMs();
  await work();
  return nowMs() - begin;
}

/**
 * Takes what is measured and its limits in turn, `rounds` times, so that a machine that is slow for a while is slow
 * for all of them; returns the medians by name.
 */
export async function inTurn(rounds, contestants) {
  const taken = Object.fromEntries(Object.keys(contestants).map((name) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (const [name, take] of Object.entries(contestants)) taken[name].push(await take());
  }
  return Object.fromEntries(Object.entries(taken).map(([name, all]) => [name, median(all)]));
}

/** `55,012` or `0.36`: as many digits as mean something. */
export function show(value, unit = '') {
  if (value === null || value === undefined || Number.isNaN(value)) return '-';
  const digits =
    Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : Math.abs(value) >= 1 ? 2 : 3;
  const text = value.toLocaleString('en-US', { maximumFractionDigits: digits });
  return unit === '' ? text : `${text} ${unit}`;
}
