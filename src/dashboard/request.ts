// The requests to the daemon, and the question to the user before them.
import type { Json } from '../support/json.ts';

/** A question with the keys that answer it. Enter is never one of them. */
export interface Ask {
  readonly question: string;
  readonly answers: readonly Answer[];
  readonly no: string;
}

export interface Answer {
  readonly key: string;
  readonly label: string;
  readonly request: Request;
}

/** Something for the daemon to do. */
export interface Request {
  readonly command: string;
  readonly args: Json;
  /** The rows that say so until it is answered, and their words. */
  readonly ids: readonly string[];
  readonly doing: string;
  readonly done: string;
  /** True where it goes through all that match a filter, and says how far it is. */
  readonly many?: boolean;
}
