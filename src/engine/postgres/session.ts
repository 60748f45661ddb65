// The engine's needs of its connection to the store: sessions of its own, any session to read with, and notifications.
// connection.ts has it from the driver. A bigint comes as a number, JSON as what it says, and no setting of the driver
// changes for the rest of the process.

export interface Statement {
  /** Under this name the server keeps it prepared, for the life of the session. */
  readonly name?: string;
  /** Several statements at once, where there are no values. */
  readonly text: string;
  readonly values?: readonly unknown[];
}

/**
 * One session of the server. It carries out statements in the order in which they are handed in, and they are sent
 * without a wait for the answer to the one before. A refusal of the server rejects with its error. Once the session is
 * lost, this and every later one rejects with `store-unreachable`.
 */
export interface Session {
  query<Row>(statement: Statement): Promise<readonly Row[]>;
  /** Ends it, whatever is under way. */
  close(): Promise<void>;
}

export interface ReadOptions {
  /** Waits for a store that is away, as a command does: true where it is not given. */
  readonly isPatient?: boolean;
}

export interface Sessions {
  /** Opens one more; `set` are settings of the server for it. Tries once: rejects with `store-unreachable`. */
  open(set?: Readonly<Record<string, string>>): Promise<Session>;
  /** Asks through any idle session, on which nothing stays behind. Rejects with `store-unreachable`. */
  read<Row>(statement: Statement, options?: ReadOptions): Promise<readonly Row[]>;
  /**
   * Calls back with each text of a channel; and with null once it listens, and whenever it does again after texts may
   * have been missed. Returns its undo.
   */
  listen(channel: string, told: (text: string | null) => void): () => void;
}
