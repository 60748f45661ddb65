// Programs that ask the daemon for things at random, through the handlers that real requests reach. What they are
// answered is a promise; a request that the death of the daemon left without an answer may have been done or not, and
// is sometimes asked again under its own name.
import { abort } from '../../src/commands/abort.ts';
import { complete } from '../../src/commands/complete.ts';
import { handle } from '../../src/commands/dispatch.ts';
import { fail } from '../../src/commands/fail.ts';
import { pause } from '../../src/commands/pause.ts';
import { prune } from '../../src/commands/prune.ts';
import { remove } from '../../src/commands/remove.ts';
import { rerun } from '../../src/commands/rerun.ts';
import { resume } from '../../src/commands/resume.ts';
import { retry } from '../../src/commands/retry.ts';
import { schedule } from '../../src/commands/schedule.ts';
import type { Command, Context } from '../../src/commands/shared/command.ts';
import { unschedule } from '../../src/commands/unschedule.ts';
import { update } from '../../src/commands/update.ts';
import { isSettled } from '../../src/run/run.ts';
import { JobrunError } from '../../src/support/errors.ts';
import { HOUR, MINUTE } from '../../src/support/limits.ts';
import { isCrash } from '../helpers/engine-session.ts';
import { JOBS } from './cast.ts';
import type { Life } from './daemon.ts';
import type { Asked } from './facts.ts';
import type { Machine } from './machine.ts';

/** An acceptance that was asked for: what the engine said of it, once it has. */
interface Request {
  readonly id: string;
  readonly lines: readonly object[];
  readonly at: number;
  ids: string | null;
}

export class Client {
  readonly #machine: Machine;
  readonly #schedules: string[] = [];
  #requests = 0;
  #last: Request | null = null;

  constructor(machine: Machine) {
    this.#machine = machine;
  }

  /** Asks for one thing. Whatever becomes of it is noted when it does. */
  ask(life: Life): void {
    const context = life.daemon?.context;
    if (!context) return;
    const { chance } = this.#machine;
    const what = chance.next();
    if (what < 0.34) this.#accept(life, context, this.#newRequest());
    else if (what < 0.4 && this.#last) this.#accept(life, context, this.#last);
    else if (what < 0.5) this.#call(life, context, abort, { ids: this.#ids(), ...this.#grace() });
    else if (what < 0.58) this.#update(life, context);
    else if (what < 0.66) this.#retry(life, context);
    else if (what < 0.7) this.#call(life, context, rerun, { id: this.#id(), force: true });
    else if (what < 0.74) this.#call(life, context, complete, { id: this.#pending(), output: 'x' });
    else if (what < 0.76) this.#call(life, context, fail, { id: this.#pending(), message: 'no' });
    else if (what < 0.82) this.#pause(life, context);
    else if (what < 0.87) this.#makeSchedule(life, context);
    else if (what < 0.9) this.#unschedule(life, context);
    else if (what < 0.94) this.#remove(life, context);
    else if (what < 0.95) this.#prune(life, context);
    else this.#burst(life, context);
  }

  /** The clock was set: what is remembered for some minutes may be forgotten. */
  clockMoved(): void {
    this.#last = null;
  }

  #newRequest(): Request {
    const { chance, clock } = this.#machine;
    const many = chance.chance(0.8) ? 1 : chance.whole(2, 12);
    const lines = Array.from({ length: many }, () => this.#line());
    return { id: `request ${++this.#requests}`, lines, at: clock.monotonic(), ids: null };
  }

  #line(): object {
    const { chance } = this.#machine;
    const job = chance.chance(0.05) ? 'nobody' : chance.of(JOBS);
    const inMs = chance.of([
      chance.whole(1, 5000),
      chance.whole(1, HOUR),
      chance.whole(1, 30 * HOUR),
    ]);
    const after = chance.chance(0.5) ? [this.#id()] : [this.#id(), this.#id()];
    return {
      job,
      force: true,
      params: { k: chance.whole(0, 2) },
      ...(chance.chance(0.35) && { inMs }),
      ...(chance.chance(0.2) && { key: `k${chance.whole(1, 4)}` }),
      ...(chance.chance(0.15) && { after }),
      ...(chance.chance(0.2) && { priority: chance.whole(-3, 3) }),
      ...(chance.chance(0.1) && { retries: chance.whole(0, 2) }),
      ...(chance.chance(0.1) && { timeoutMs: chance.whole(1000, 60_000) }),
    };
  }

  #accept(life: Life, context: Context, request: Request): void {
    const { promises, clock } = this.#machine;
    this.#last = request;
    const lines = request.lines.map((run, i) => ({ line: i + 1, run }));
    const own = { ...context, request: request.id };
    const young = clock.monotonic() - request.at < 4 * MINUTE;
    this.#call(life, own, schedule, { lines }, (reply) => {
      const { results } = reply as { results: readonly { id?: string }[] };
      const ids = results.flatMap(({ id }) => id ?? []);
      for (const id of ids) promises.accepted(Number(id), `accepted for ${request.id}`);
      if (request.ids && request.ids !== ids.join() && ids.length > 0 && young)
        promises.break(`${request.id} got ${request.ids}, then ${ids}`);
      request.ids ??= ids.join();
    });
  }

  #update(life: Life, context: Context): void {
    const { chance, clock } = this.#machine;
    const changes = {
      ...(chance.chance(0.5) && { inMs: chance.whole(0, HOUR) }),
      ...(chance.chance(0.3) && { dueAt: clock.now() }),
      ...(chance.chance(0.3) && { params: { k: chance.whole(0, 2) } }),
      priority: chance.whole(-3, 3),
    };
    this.#call(life, context, update, { id: this.#id(), ...changes, merge: false });
  }

  #retry(life: Life, context: Context): void {
    const fresh = this.#machine.chance.chance(0.2);
    const id = this.#id((state) => ['failed', 'aborted'].includes(state));
    this.#machine.promises.retryAsked(Number(id), fresh);
    this.#call(life, context, retry, { ids: [id], fresh });
  }

  #pause(life: Life, context: Context): void {
    const { chance } = this.#machine;
    const paused = chance.chance(0.4);
    const job = chance.chance(0.85) ? chance.of(JOBS) : undefined;
    const name = `paused ${job ?? 'all'}`;
    this.#fact(life, context, paused ? pause : resume, job ? { job } : {}, name, paused);
  }

  #makeSchedule(life: Life, context: Context): void {
    const { chance } = this.#machine;
    const name = `s${this.#schedules.length + 1}`;
    this.#schedules.push(name);
    const crons = ['* * * * *', '*/5 * * * *', '30 2 * * *', '0 */6 * * *', '*/20 * * * * *'];
    const rule = chance.chance(0.6)
      ? {
          cron: chance.of(crons),
          timezone: chance.of(['UTC', 'Europe/Berlin', 'America/New_York']),
        }
      : { everyMs: chance.whole(1000, 2 * HOUR) };
    const run = {
      job: chance.of(JOBS),
      force: true,
      name,
      ...rule,
      params: { k: 1 },
      catchUp: chance.of(['skip', 'once', 'all']),
      overlap: chance.of(['skip', 'queue', 'replace', 'allow']),
    };
    this.#fact(life, context, schedule, run, `schedule ${name}`, true);
  }

  #unschedule(life: Life, context: Context): void {
    const { chance } = this.#machine;
    if (this.#schedules.length === 0) return;
    const name = chance.of(this.#schedules);
    this.#fact(life, context, unschedule, { name }, `schedule ${name}`, false);
  }

  #remove(life: Life, context: Context): void {
    const id = this.#id(() => true);
    this.#machine.promises.removeAsked(Number(id));
    this.#call(life, context, remove, { ids: [id] });
  }

  #prune(life: Life, context: Context): void {
    const { promises } = this.#machine;
    // Runs may be settled, or told of, while it is on its way.
    const mayGo = (): void => {
      for (const id of promises.ids) promises.removeAsked(id);
    };
    mayGo();
    this.#call(life, context, prune, { keep: 5 }, mayGo);
  }

  /** Many at once, as a shell loop would. */
  #burst(life: Life, context: Context): void {
    for (let i = this.#machine.chance.whole(5, 30); i > 0; i--)
      this.#accept(life, context, this.#newRequest());
  }

  #fact(
    life: Life,
    context: Context,
    command: Command,
    request: object,
    name: string,
    value: boolean,
  ): void {
    const asked: Asked = this.#machine.promises.facts.asked(name, value);
    this.#call(life, context, command, request, asked.answered, asked.refused);
  }

  #call(
    life: Life,
    context: Context,
    command: Command,
    request: object,
    answered: (reply: unknown) => void = () => undefined,
    refused: () => void = () => undefined,
  ): void {
    const { name } = command;
    this.#machine.note(`asks ${name} ${JSON.stringify(request)}`);
    const done = (async () => handle(command, request, context))().then((reply) => {
      if (!life.alive) return;
      this.#machine.note(`${name} answers`);
      answered(reply);
    });
    done.catch((error) => {
      if (!life.alive || isCrash(error)) return;
      refused();
      if (!(error instanceof JobrunError) || error.code === 'internal') life.failed(name, error);
      else this.#machine.note(`${name} refuses: ${error.code}`);
    });
  }

  #grace(): object {
    const { chance } = this.#machine;
    return chance.chance(0.5) ? { graceMs: chance.of([0, 100, 10_000]) } : {};
  }

  #ids(): readonly string[] {
    const { chance } = this.#machine;
    return Array.from({ length: chance.of([1, 1, 1, 3]) }, () => this.#id());
  }

  #pending(): string {
    return this.#id((state) => state === 'waiting');
  }

  /** One of the newer runs, most often one that fits. */
  #id(fits: (state: string) => boolean = () => true): string {
    const { chance, promises } = this.#machine;
    const recent = promises.ids.slice(-60);
    const fitting = recent.filter((id) => fits(promises.find(id)?.state.name ?? ''));
    const from = fitting.length > 0 && chance.chance(0.9) ? fitting : recent;
    return String(from.length > 0 ? chance.of(from) : 1);
  }

  /** Everything goes on: no pause is in force. */
  async resumeAll(life: Life): Promise<void> {
    const context = life.daemon?.context;
    if (!context) return;
    const { all, jobs } = await context.engine.pauses();
    for (const job of jobs) this.#fact(life, context, resume, { job }, `paused ${job}`, false);
    if (all) this.#fact(life, context, resume, {}, 'paused all', false);
  }

  /** Ends all that is not over. */
  abortAll(life: Life): void {
    const context = life.daemon?.context;
    const { promises } = this.#machine;
    const ids = promises.ids.filter((id) => !isSettled(promises.find(id) as never)).map(String);
    if (context && ids.length > 0) this.#call(life, context, abort, { ids });
  }

  /** Nothing fires any more. */
  async unscheduleAll(life: Life): Promise<void> {
    const context = life.daemon?.context;
    for (const { name, source } of (await context?.engine.schedules()) ?? [])
      if (context && source === 'made')
        this.#fact(life, context, unschedule, { name }, `schedule ${name}`, false);
  }
}
