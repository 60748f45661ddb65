// Work for a daemon that will be killed, and the memory of what it was told: which runs were accepted, changed, ended.
// A request whose answer was lost is asked again of the next daemon, under the same name: it must not count twice.

import { statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '../../src/api/client.ts';
import type { Json } from '../../src/support/json.ts';
import { WORK } from './ledger-jobs.ts';
import type { Doc, Rig } from './rig.ts';

const HOUR = 3_600_000;
const NEWEST = 1000;
/** More waiting work than this only makes the lists longer. */
const ENOUGH = 150;

interface Unanswered {
  readonly command: string;
  readonly args: Json;
  readonly then: (reply: Doc) => void;
}

export class KillLoad {
  readonly accepted = new Set<string>();
  readonly aborted = new Set<string>();
  readonly updated = new Map<string, number>();
  /** Runs that the world was told are settled, and how long the ledger was then. */
  readonly settled = new Map<string, number>();
  readonly problems = new Set<string>();
  readonly #rig: Rig;
  readonly #unanswered = new Map<string, Unanswered>();
  #unchecked = new Set<string>();
  readonly #name: string;
  #n: number;
  #requests = 0;

  /** Several on one store have names of their own, and numbers for their runs that are far apart. */
  constructor(rig: Rig, name = 'kill-load', first = 0) {
    this.#rig = rig;
    this.#name = name;
    this.#n = first;
  }

  get requests(): number {
    return this.#requests;
  }

  /** What a daemon that has just come up must still know, and what was not answered, once more. */
  async resume(client: Client): Promise<void> {
    const { runs, total } = await this.#list(client, { limit: NEWEST, offset: 0 });
    const { counts } = (await client.call('status', {})) as Doc;
    const sum = Object.values(counts as Record<string, number>).reduce((a, b) => a + b, 0);
    if (sum < total) this.problems.add(`${total} runs are listed, and ${sum} counted`);
    const there = new Set<string>(runs.map((run: Doc) => run.id));
    for (const id of this.#unchecked) {
      if (runs.length === NEWEST && Number(id) < Number(runs.at(-1).id)) continue;
      if (!there.has(id)) this.problems.add(`run ${id} was accepted and is gone`);
    }
    this.#unchecked = new Set();
    await Promise.all(
      [...this.#unanswered].map(([id, { command, args, then }]) =>
        this.#call(client, command, args, then, id),
      ),
    );
  }

  /** Gives work until the connection is lost. */
  async drive(client: Client, alive: () => boolean): Promise<void> {
    const stopping = new AbortController();
    const following = this.#follow(client, stopping.signal);
    while (alive()) {
      const { counts } = (await client.call('status', {}).catch(() => ({}))) as Doc;
      if (!counts) break;
      const few = counts.queued + counts.running < ENOUGH;
      await Promise.all([
        few ? this.#batch(client) : null,
        this.#updateOne(client),
        this.#abortWaiting(client),
        few ? this.#abortRunning(client) : null,
        sleep(20),
      ]);
    }
    stopping.abort();
    await following;
  }

  async #batch(client: Client): Promise<void> {
    const lines = Array.from({ length: 14 }, (_, i) => ({
      line: i + 1,
      run: { job: WORK[i % WORK.length] as string, params: { n: this.#n++ } },
    }));
    await this.#call(client, 'schedule', { lines }, ({ results }) => {
      for (const { id } of results) this.#accept(id);
    });
  }

  async #updateOne(client: Client): Promise<void> {
    const n = this.#n++;
    const run = await this.#later(client, 'quick', HOUR, n);
    if (!run) return;
    const change = { id: run, inMs: 0, params: { v: n }, merge: true };
    await this.#call(client, 'update', change, () => this.updated.set(run, n));
  }

  async #abortWaiting(client: Client): Promise<void> {
    const run = await this.#later(client, 'quick', HOUR, this.#n++);
    if (run) await this.#abort(client, run);
  }

  async #abortRunning(client: Client): Promise<void> {
    const run = await this.#later(client, 'long', 0, this.#n++);
    await sleep(100);
    if (run) await this.#abort(client, run);
  }

  async #abort(client: Client, id: string): Promise<void> {
    await this.#call(client, 'abort', { ids: [id] }, ({ results }) => {
      const [result] = results;
      // One that was aborted by the first asking is refused at the second, and one may be done first: both are told.
      if (result.state === 'aborted') this.aborted.add(id);
    });
  }

  async #later(client: Client, job: string, inMs: number, n: number): Promise<string | null> {
    const run = { job, inMs, params: { n } };
    let id: string | null = null;
    await this.#call(client, 'schedule', run, (reply) => {
      id = reply.run.id;
      this.#accept(reply.run.id);
    });
    return id;
  }

  #accept(id: string): void {
    this.accepted.add(id);
    this.#unchecked.add(id);
  }

  async #call(
    client: Client,
    command: string,
    args: Json,
    then: (reply: Doc) => void,
    request = `${this.#name}-${++this.#requests}`,
  ): Promise<void> {
    this.#unanswered.set(request, { command, args, then });
    try {
      then(await client.call(command, args, { request }));
    } catch (error) {
      const { code, message } = error as { code?: string; message: string };
      // No answer, or one that says that it may not have been done: asked again.
      if (code === 'no-daemon' || code === 'store-unreachable') return;
      const over = code === 'refused' && /stopping|is (?:done|aborted|running)/.test(message);
      if (!over) this.problems.add(`${command}: ${code} ${message}`);
    }
    this.#unanswered.delete(request);
  }

  async #follow(client: Client, signal: AbortSignal): Promise<void> {
    try {
      for await (const event of client.stream('events', {}, signal)) {
        const { type, run } = event as Doc;
        if (type === 'run.settled' && !this.settled.has(run.id))
          this.settled.set(run.id, this.#ledgerLength());
      }
    } catch (error) {
      if ((error as { code?: string }).code !== 'no-daemon') throw error;
    }
  }

  #ledgerLength(): number {
    const path = join(this.#rig.out, 'ledger.jsonl');
    return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  }

  async all(client: Client): Promise<Doc[]> {
    // By id: schedules go on, so what was at the end of one page is at the begin of the next as well.
    const runs = new Map<string, Doc>();
    for (let offset = 0; ; offset += 5000) {
      const page = await this.#list(client, { limit: 5000, offset });
      for (const run of page.runs) runs.set(run.id, run);
      if (page.runs.length < 5000) return [...runs.values()];
    }
  }

  async #list(client: Client, args: Json): Promise<Doc> {
    return (await client.call('list', args)) as Doc;
  }
}
