// Bodies of requests, bounded while they arrive: one that is too large is refused at the first byte that is too much,
// and where it says its length before any of it is read. All bodies that are arriving share one bound, so that many
// slow clients cannot fill the heap.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { JobrunError } from '../support/errors.ts';
import { fromJson, type Json } from '../support/json.ts';
import { MAX_HTTP_BODIES_BYTES, MAX_HTTP_BODY_BYTES } from '../support/limits.ts';
import { type Reply, refusal } from './reply.ts';

const IS_JSON = /^application\/json\s*(?:;|$)/i;

/** Null where the body is JSON as far as its header says, or there is no body to say it of. */
export function refuseType({ headers }: IncomingMessage, withBody: boolean): Reply | null {
  const type = headers['content-type'];
  if (type === undefined ? !withBody : IS_JSON.test(type)) return null;
  const hint = 'Send JSON with Content-Type: application/json.';
  return refusal(415, new JobrunError('bad-request', 'the body must be JSON', hint));
}

/** The value of a body. Throws `bad-request` where it is not JSON. */
export function jsonOf(body: string, hint = 'Send JSON.'): Json {
  try {
    return fromJson(body);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new JobrunError('bad-request', `the body is not JSON: ${error.message}`, hint, error);
  }
}

export class Bodies {
  #arriving = 0;

  /** The text of a body, or why it is not read on. */
  async read(
    request: IncomingMessage,
    response: ServerResponse,
    isExpected: boolean,
  ): Promise<{ readonly text: string } | { readonly refused: Reply }> {
    if (Number(request.headers['content-length'] ?? 0) > MAX_HTTP_BODY_BYTES) return TOO_LARGE;
    if (isExpected) response.writeContinue();
    const chunks: Buffer[] = [];
    let bytes = 0;
    try {
      // The rest of a body that is refused has to be read away: the client may see its reply only then.
      for await (const chunk of request.iterator({ destroyOnReturn: false })) {
        bytes += chunk.length;
        this.#arriving += chunk.length;
        if (bytes > MAX_HTTP_BODY_BYTES) return TOO_LARGE;
        if (this.#arriving > MAX_HTTP_BODIES_BYTES) return TOO_MANY;
        chunks.push(chunk);
      }
    } catch (error) {
      if (!request.destroyed) throw error;
      throw new JobrunError('interrupted', 'the client has gone', 'Send it again.', error);
    } finally {
      this.#arriving -= bytes;
    }
    return { text: Buffer.concat(chunks).toString('utf8') };
  }
}

const TOO_LARGE = {
  refused: refusal(
    413,
    new JobrunError(
      'too-large',
      'the body is larger than 1.1 MB',
      'Keep large data in a file, and send its path.',
    ),
  ),
};

const TOO_MANY = {
  refused: refusal(
    503,
    new JobrunError('refused', 'too many large requests are arriving', 'Try again in a moment.'),
    { 'Retry-After': '1' },
  ),
};
