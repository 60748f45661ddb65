// Runs that a program asks for at the same time go out together: all calls of `schedule` in one turn of its loop are
// one request, as DataLoader gathers reads (github.com/graphql/dataloader). Each has a request id, an answer and an
// error of its own, so that a repeated request never makes a second run and one that is refused fails no other.
import { type BatchLine, cutBatch, resultsOf, type ToldResult } from '../commands/shared/batch.ts';
import type { Sent } from '../commands/shared/options.ts';
import type { AcceptedView } from '../commands/shared/replies.ts';
import type { RUN } from '../commands/shared/run-options.ts';
import { errorFromShape } from '../support/errors.ts';
import { newId } from '../support/random.ts';
import { type Deferred, deferred } from '../support/wakeup.ts';

type Send = (name: string, args: object) => Promise<unknown>;

interface Asked {
  readonly run: Sent<typeof RUN>;
  readonly answer: Deferred<AcceptedView>;
}

export class RunBatcher {
  readonly #send: Send;
  #asked: Asked[] = [];

  constructor(send: Send) {
    this.#send = send;
  }

  /** Accepts this run, together with others that are asked for before the loop of this program goes on. */
  accept(run: Sent<typeof RUN>): Promise<AcceptedView> {
    // After the promises of this turn: a caller that was just answered may ask anew.
    if (this.#asked.length === 0) process.nextTick(() => this.#flush());
    const answer = deferred<AcceptedView>();
    this.#asked.push({ run, answer });
    return answer.promise;
  }

  #flush(): void {
    const asked = this.#asked;
    this.#asked = [];
    let from = 0;
    for (const lines of cutBatch(asked.map(lineOf))) {
      void this.#sendPart(lines, asked.slice(from, from + lines.length));
      from += lines.length;
    }
  }

  async #sendPart(lines: readonly BatchLine[], asked: readonly Asked[]): Promise<void> {
    try {
      const [first] = asked;
      // One alone is the request that a command line makes.
      if (first && asked.length === 1) {
        const reply = (await this.#send('schedule', first.run)) as { readonly run: AcceptedView };
        first.answer.resolve(reply.run);
        return;
      }
      const reply = (await this.#send('schedule', { lines })) as {
        readonly results: readonly ToldResult[];
      };
      for (const [i, one] of resultsOf(reply.results, lines).entries()) {
        const answer = asked[i]?.answer;
        if ('line' in one) answer?.reject(errorFromShape(one.error));
        else answer?.resolve(one);
      }
    } catch (error) {
      for (const { answer } of asked) answer.reject(error);
    }
  }
}

const lineOf = ({ run }: Asked, i: number): BatchLine => ({ line: i + 1, run, request: newId() });
