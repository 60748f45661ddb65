// JSON sent to an address that the config names: a notification, or spans. Only the status of the reply is looked at.
import { errnoOf } from '../../support/errors.ts';

/** Why it did not arrive; `final`: another try would end the same. */
export interface Failed {
  readonly why: string;
  readonly final: boolean;
}

interface Options {
  readonly signal: AbortSignal;
  /** The reason if the signal ends it. */
  readonly late: Failed;
  readonly headers?: Readonly<Record<string, string>>;
  /** True if another try may do better after a refusal with this status. */
  readonly isPassing: (status: number) => boolean;
}

/** Null once it is taken. */
export async function postJson(
  url: string,
  body: string,
  options: Options,
): Promise<Failed | null> {
  const { signal, late, headers: own, isPassing } = options;
  try {
    const headers = { 'User-Agent': 'jobrun', ...own, 'Content-Type': 'application/json' };
    // The config does not say that it may go to an address to which another one redirects us.
    const response = await fetch(url, {
      method: 'POST',
      body,
      headers,
      signal,
      redirect: 'manual',
    });
    await response.body?.cancel();
    if (response.ok) return null;
    return { why: `it answered ${response.status}`, final: !isPassing(response.status) };
  } catch (error) {
    if (signal.aborted) return late;
    const { cause, message } = error as Error;
    return { why: errnoOf(cause) || message, final: false };
  }
}
