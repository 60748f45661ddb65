// What is asked of the daemon, and of the person before that.
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
  /** Whose rows say so until it is answered, and what they say. */
  readonly ids: readonly string[];
  readonly doing: string;
  readonly done: string;
  /** True where it goes through all that match a filter, and says how far it is. */
  readonly many?: boolean;
}
