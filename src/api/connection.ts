// One client of the daemon. Many requests may be under way on it at once; their replies go out (outgoing.ts) in the
// order in which they are ready. Bounds the memory that a client can cost the daemon. Reading stops while too much is
// under way or unread, on it or on all connections together (intake.ts). A frame once begun has to arrive.
import type { Socket } from 'node:net';
import type { Clock } from '../support/clock.ts';
import { JobrunError, toJobrunError } from '../support/errors.ts';
import { type Json, tooLarge } from '../support/json.ts';
import { FRAME_TIMEOUT_MS, LONG_LIST_ROWS, MAX_FRAME_BYTES, SECOND } from '../support/limits.ts';
import { myTurn } from '../support/turn-taking.ts';
import { weightOfValue } from '../support/weight.ts';
import type { Intake, Sender } from './intake.ts';
import { Outgoing } from './outgoing.ts';
import { type Cancel, FrameReader, type Ping, type Request, readRequest } from './protocol.ts';
import { neverFinished, tooMany } from './refusals.ts';
import type { Turns } from './turns.ts';

export interface Service {
  readonly clock: Clock;
  readonly turns: Turns;
  readonly intake: Intake;
  readonly handle: (request: Request, signal: AbortSignal) => Promise<Json> | AsyncIterable<Json>;
  /** How many rows the reply may have; 0 where the request does not say. */
  readonly rows: (request: Request) => number;
  /** Resolves when everything that the reply, or an error, may tell is on disk; null where it is already. */
  readonly durable: (command: string, isError: boolean) => Promise<void> | null;
  /** Called with each defect: what a handler threw that was no JobrunError. */
  readonly onError: (error: unknown) => void;
}

/** Requests of one connection under way at once; the next ones wait in its socket. */
const MAX_IN_FLIGHT = 256;
/** Its streams: most wait for something to happen, which costs a few KB each and no work. */
const MAX_STREAMS = 10_000;
/** Bytes of them; one that has begun to arrive may always be finished. */
const MAX_HELD = 2 * MAX_FRAME_BYTES;
/** Bytes that may wait for a client before its further requests have to wait as well. */
const READ_AHEAD = 1024 * 1024;
/** A frame that brings less in its time is given up. */
const MOVES_ON = 64 * 1024;
/** After so many items of one stream others may have theirs. */
const SENT_IN_TURN = 16;
/** The interval of heartbeats while it is not read, or sends no more: a ping in the socket then gets no answer. */
const SIGN_EVERY_MS = 2 * SECOND;
const GOODBYE_MS = SECOND;

const NEVER = new AbortController().signal;
/** Belongs to no request. */
const SIGN = { id: null, end: true } as const;

/** Larger requests are weighed: what they take as values may be many times what they took as bytes. */
const LARGE_REQUEST = 4 * 1024;

/** Larger frames are read in turn: the largest takes as long as thousands of small ones. */
const LARGE_FRAME = 16 * 1024;
/** A request takes as much of the loop as a small one, and as much again for each of these. */
const COSTLY = 64 * 1024;
/** And for so many rows of its reply, with params of half a KB each. */
const COSTLY_ROWS = 25;

/** A request under way. */
interface Asked {
  readonly request: Request;
  readonly signal: AbortSignal;
  readonly bytes: number;
  heap: number;
}

export class Connection implements Sender {
  readonly #socket: Socket;
  readonly #service: Service;
  readonly #reader = new FrameReader(MAX_FRAME_BYTES);
  readonly #underWay = new Map<number, AbortController | null>();
  readonly #out: Outgoing;
  /** How many of them are streams. */
  #streams = 0;
  /** Bytes of the requests that are under way, and the heap that they take. */
  #heldBytes = 0;
  #heldHeap = 0;
  /** The part of the heap that is of requests whose turn has not come. */
  #waitingHeap = 0;
  /** Bytes of a frame that is unfinished, or not read yet. */
  #unfinished = 0;
  /** It is complete, and read when its turn comes. */
  #isComplete = false;
  /** Requests whose turn has not come. */
  #inLine = 0;
  /** It sends nothing more, and may still read. */
  #isHalfClosed = false;
  /** The heap that it will take as values; 0 before it was looked at. */
  #expected = 0;
  #inTurn = false;
  #stopFrameTimer: (() => void) | null = null;
  #stopSignTimer: (() => void) | null = null;
  #closing = false;
  /** When it last sent something, by the monotonic clock. */
  activeAt: number;

  constructor(socket: Socket, service: Service, onClosed: () => void) {
    this.#socket = socket;
    this.#service = service;
    this.#out = new Outgoing(socket, service.clock, () => service.turns.isCrowded);
    this.activeAt = service.clock.monotonic();
    socket.on('data', (chunk) => this.#receive(chunk as Buffer));
    socket.on('drain', () => this.#drained());
    socket.on('end', () => this.#halfClosed());
    // A client that goes away without a word is no error; what it waited for ends with `close`.
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      this.#ended();
      onClosed();
    });
  }

  /** Nothing that it asked for is under way: it can give way to another. */
  get idle(): boolean {
    return this.#underWay.size === 0;
  }

  /** All that it asked for waits for its turn: nothing is lost if it has to ask again. */
  get waits(): boolean {
    return this.#inLine > 0 && this.#inLine === this.#underWay.size;
  }

  get held(): number {
    return this.#heldHeap + this.#unfinished;
  }

  get begun(): boolean {
    return this.#unfinished > 0;
  }

  get unread(): number {
    return this.#out.unread;
  }

  /** Tells why, if there is a reason, and closes once that has been read, or soon. */
  close(reason?: JobrunError): void {
    if (this.#closing) return;
    this.#closing = true;
    this.#unfinish(0);
    this.#service.intake.forget(this);
    this.#service.turns.forget(this);
    this.#stopFrameTimer?.();
    this.#socket.removeAllListeners('data');
    if (reason) this.#out.send({ id: null, ok: false, error: reason.toJSON() });
    this.#out.flush();
    const undo = this.#service.clock.after(GOODBYE_MS, () => this.#socket.destroy(), {
      idle: true,
    });
    this.#socket.end(() => {
      undo();
      this.#socket.destroy();
    });
  }

  #receive(chunk: Buffer): void {
    this.activeAt = this.#service.clock.monotonic();
    this.#reader.add(chunk);
    if (!this.#inTurn && this.#expected === 0) this.#read();
  }

  /** Reads what is complete, as far as that takes no time from others; the rest when its turn comes. */
  #read(): void {
    let frames = 0;
    try {
      for (let bytes = this.#reader.nextBytes; bytes > 0; bytes = this.#reader.nextBytes) {
        this.#isComplete = bytes > LARGE_FRAME || this.#service.turns.isOver;
        if (this.#isComplete) break;
        frames++;
        const asked = this.#take(readRequest(this.#reader.next()), bytes);
        if (asked) this.#serveInTurn(asked);
      }
    } catch (error) {
      this.close(toJobrunError(error));
      return;
    }
    this.#unfinish(this.#reader.unfinished);
    if (this.#mustWait()) {
      this.#socket.pause();
      this.#giveSigns();
    } else if (this.#isComplete) this.#readInTurn();
    this.#watchFrame(frames > 0);
  }

  /** The next frame costs much to read, or comes while others have waited for long. */
  #readInTurn(): void {
    if (this.#inTurn) return;
    this.#inTurn = true;
    this.#socket.pause();
    this.#giveSigns();
    const bytes = this.#reader.nextBytes;
    const begin = (): void => void this.#readLarge(bytes);
    this.#service.turns.take(this, { cost: costOf(bytes), begin });
  }

  /** Never rejects. Others are served while it is parsed; on this connection nothing is read meanwhile. */
  async #readLarge(bytes: number): Promise<void> {
    if (this.#closing) return;
    try {
      if (await this.#passLarge(bytes)) {
        this.#isComplete = false;
        this.#expected = 0;
      }
    } catch (error) {
      this.close(toJobrunError(error));
    }
    this.#inTurn = false;
    if (!this.#closing && !this.#isComplete) this.#read();
    this.readOn();
    this.#endIfOver();
  }

  /** False where there is no room for its values yet. */
  async #passLarge(bytes: number): Promise<boolean> {
    const { intake } = this.#service;
    const oversized = this.#expected === 0 ? this.#reader.nextOversized() : null;
    const error = oversized && tooLarge(oversized.what).toJSON();
    if (error) this.#out.send({ id: oversized.id, ok: false, error });
    if (error) return true;
    if (this.#expected === 0) this.#expected = Math.max(bytes, this.#reader.nextHeap);
    if (!intake.hasRoom(this, this.#expected)) return false;
    intake.forget(this);
    const heap = this.#expected;
    this.#hold(0, heap);
    try {
      const frame = await this.#reader.nextInTurns(heap);
      const asked = this.#closing ? null : this.#take(readRequest(frame), bytes, heap);
      if (asked) this.#serveInTurn(asked);
    } finally {
      this.#hold(0, -heap);
    }
    return true;
  }

  #serveInTurn(asked: Asked): void {
    this.#waitingHeap += asked.heap;
    this.#inLine++;
    const { request, bytes } = asked;
    // The items of a stream are made one at a time, as they are taken.
    const rows = request.stream ? 0 : this.#service.rows(request);
    this.#service.turns.take(this, {
      cost: costOf(bytes, rows),
      isLong: rows > LONG_LIST_ROWS,
      begin: (made) => {
        this.#waitingHeap -= asked.heap;
        this.#inLine--;
        void this.#serve(asked, made).finally(made);
      },
    });
  }

  /** Null where nothing is to be served. */
  #take(request: Request | Cancel | Ping, bytes: number, expected?: number): Asked | null {
    if ('cancel' in request) {
      this.#underWay.get(request.id)?.abort();
      return null;
    }
    if ('ping' in request) {
      this.#out.send({ id: request.id, end: true });
      return null;
    }
    if (this.#underWay.has(request.id)) {
      const hint = 'Give each request on a connection its own id.';
      throw new JobrunError('bad-request', `request ${request.id} is under way already`, hint);
    }
    if (request.stream && this.#streams >= MAX_STREAMS) {
      // Not made to wait, as calls are: that one of them is given up is told on this same connection.
      this.#out.send({ id: request.id, ok: false, error: tooMany(MAX_STREAMS).toJSON() });
      return null;
    }
    // Only a stream can be cancelled; the others do not need what costs as much as a small reply.
    const controller = request.stream ? new AbortController() : null;
    this.#underWay.set(request.id, controller);
    const signal = controller?.signal ?? NEVER;
    const heap =
      expected ?? (bytes > LARGE_REQUEST ? Math.max(bytes, weightOfValue(request.args)) : bytes);
    this.#hold(bytes, heap);
    if (request.stream) this.#streams++;
    return { request, signal, bytes, heap };
  }

  #hold(bytes: number, heap: number): void {
    this.#heldBytes += bytes;
    this.#heldHeap += heap;
    this.#service.intake.add(heap, 'complete');
  }

  #unfinish(bytes: number): void {
    const more = bytes - this.#unfinished;
    this.#unfinished = bytes;
    this.#service.intake.add(more, 'begun');
  }

  /** Never rejects: whatever goes wrong is the reply. */
  async #serve(asked: Asked, made: () => void): Promise<void> {
    const { request, signal, bytes } = asked;
    const { id } = request;
    try {
      const answer = this.#service.handle(request, signal);
      if (Symbol.asyncIterator in answer) await this.#stream(asked, answer);
      else await this.#answer(request, answer, made);
    } catch (error) {
      await this.#fail(request, error);
    }
    this.#underWay.delete(id);
    if (request.stream) this.#streams--;
    this.#hold(-bytes, -asked.heap);
    this.readOn();
    this.#endIfOver();
  }

  async #answer({ id, command }: Request, answer: Promise<Json>, made: () => void) {
    const reply = await answer;
    const durable = this.#service.durable(command, false);
    if (durable) await durable;
    if (this.unread > READ_AHEAD) made();
    // As a value it may be shared with other replies, as text it is not.
    while (this.unread > READ_AHEAD && !this.#socket.destroyed) await this.#out.room();
    this.#out.send({ id, ok: true, reply, end: true });
  }

  async #stream(asked: Asked, items: AsyncIterable<Json>): Promise<void> {
    const { signal, request } = asked;
    const { id } = request;
    let sent = 0;
    for await (const item of items) {
      if (signal.aborted) break;
      // The request has been taken in: a run that is followed for hours holds its params by itself.
      if (asked.heap > 0) this.#hold(0, -asked.heap);
      asked.heap = 0;
      this.#out.send({ id, item });
      if (this.#out.isFull) await this.#out.room();
      if (++sent % SENT_IN_TURN === 0) await myTurn();
    }
    // A stream that ends because the daemon does has no end that a client could take for the real one.
    if (!this.#closing && !this.#socket.destroyed) this.#out.send({ id, end: true });
  }

  async #fail({ id, command }: Request, thrown: unknown): Promise<void> {
    if (!(thrown instanceof JobrunError)) this.#service.onError(thrown);
    let error = toJobrunError(thrown);
    try {
      // An error tells of the state as well: `run 5 is done` has to be as true as a reply.
      await this.#service.durable(command, true);
    } catch (failure) {
      error = toJobrunError(failure);
    }
    this.#out.send({ id, ok: false, error: error.toJSON() });
  }

  #drained(): void {
    this.#out.drained();
    this.readOn();
    this.#service.turns.wake();
  }

  #mustWait(): boolean {
    return this.#isBusy() || this.#service.intake.mustWait(this);
  }

  #isBusy(): boolean {
    const calls = this.#underWay.size - this.#streams;
    const isBusy =
      calls >= MAX_IN_FLIGHT ||
      this.#heldBytes > MAX_HELD ||
      this.#socket.writableLength > READ_AHEAD;
    if (isBusy) this.#service.intake.forget(this);
    return isBusy;
  }

  readOn(): void {
    if (this.#closing || this.#inTurn || !this.#socket.isPaused()) return;
    if (this.#expected > 0) {
      if (!this.#isBusy() && this.#service.intake.hasRoom(this, this.#expected)) this.#readInTurn();
      return;
    }
    if (this.#mustWait()) return;
    if (this.#isComplete) this.#readInTurn();
    else {
      this.#socket.resume();
      this.#watchFrame(true);
    }
  }

  /**
   * A client that has gone is seen in the same way, but nothing can be written to it: the heartbeat fails, and its
   * streams end. A living one gets all that it asked for.
   */
  #halfClosed(): void {
    this.#isHalfClosed = true;
    this.#endIfOver();
    if (this.#socket.writableLength === 0) this.#out.send(SIGN);
    this.#giveSigns();
  }

  /** Ends its connection when all that it asked for is answered. */
  #endIfOver(): void {
    const isOpen = this.#underWay.size > 0 || this.#inTurn || this.#isComplete;
    if (!this.#isHalfClosed || isOpen || this.#socket.writableEnded) return;
    this.#out.flush();
    this.#socket.end();
  }

  #giveSigns(): void {
    this.#stopSignTimer ??= this.#service.clock.after(SIGN_EVERY_MS, () => {
      this.#stopSignTimer = null;
      const isWatched = this.#socket.isPaused() || this.#isHalfClosed;
      if (this.#closing || !isWatched) return;
      // A client that takes no replies needs no heartbeat either, and must not gather them.
      if (this.#socket.writableLength === 0) this.#out.send(SIGN);
      this.#giveSigns();
    });
  }

  /** A frame that has begun has to arrive in time, unless it is we who do not read. */
  #watchFrame(anew: boolean): void {
    const watched = this.begun && !this.#socket.isPaused();
    if (watched && !anew && this.#stopFrameTimer) return;
    this.#stopFrameTimer?.();
    this.#stopFrameTimer = null;
    if (!watched) return;
    const before = this.#reader.unfinished;
    this.#stopFrameTimer = this.#service.clock.after(FRAME_TIMEOUT_MS, () => {
      this.#stopFrameTimer = null;
      // On a machine that is busy it is we who read slowly.
      if (this.#reader.unfinished >= before + MOVES_ON) this.#watchFrame(true);
      else this.close(neverFinished());
    });
  }

  #ended(): void {
    this.#closing = true;
    this.#unfinish(0);
    this.#service.intake.forget(this);
    this.#stopFrameTimer?.();
    this.#out.stop();
    this.#stopSignTimer?.();
    for (const controller of this.#underWay.values()) controller?.abort();
    this.#service.turns.forget(this);
    this.#hold(0, -this.#waitingHeap);
    this.#waitingHeap = 0;
    this.#drained();
  }
}

const costOf = (bytes: number, rows = 0): number => 1 + bytes / COSTLY + rows / COSTLY_ROWS;
