// The error of a request, as the page shows it. The page has one copy of itself and hands no error on, so it needs
// nothing more of `JobrunError`, which a browser would have to load.
import type { ErrorCode } from '../support/errors.ts';

export class ApiError extends Error {
  readonly code: ErrorCode;
  readonly hint: string;

  constructor(code: ErrorCode, message: string, hint: string) {
    super(message);
    this.code = code;
    this.hint = hint;
  }
}
