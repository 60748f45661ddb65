// The streams of this process: questions to the person at the terminal, input from a pipe, and stdout, which is whole
// or ends with an exit code other than 0. Node writes to a file once and takes a short write for a whole one, so a
// document that ends where the disk was full would look like success.

import { fstatSync, writeSync } from 'node:fs';
import type { Asked, CallOther } from '../commands/shared/command.ts';
import { errnoOf, JobrunError } from '../support/errors.ts';

export async function readStdin(): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

/** Asks on stderr; without a terminal there is no one to answer, so `-y` has to say it. */
export function confirmer(yes: boolean, json: boolean, call: CallOther): Asked['confirm'] {
  return async (question) => {
    if (yes) return true;
    const asked = await question(call);
    if (json || !process.stdin.isTTY || !process.stderr.isTTY) {
      const message = `${asked} There is no terminal to ask.`;
      throw new JobrunError('bad-option', message, 'Say yes beforehand: -y');
    }
    const { createInterface } = await import('node:readline/promises');
    const lines = createInterface({ input: process.stdin, output: process.stderr });
    try {
      return /^y(?:es)?$/i.test((await lines.question(`${asked} [y/N] `)).trim());
    } finally {
      lines.close();
    }
  };
}

/** Lets each write to stdout write all of it or throw. `failed` hears of pipes and terminals, which tell later. */
export function guardStdout(failed: (error: JobrunError) => void): void {
  const { stdout } = process;
  stdout.on('error', (error) => {
    // The reader may stop at any line: `| head` is no failure.
    if (errnoOf(error) === 'EPIPE') process.exit(0);
    failed(outputLost(error));
  });
  if (stdout.isTTY || !isFile(1)) return;
  stdout.write = (chunk: string | Uint8Array, ...rest: readonly unknown[]): boolean => {
    writeWhole(typeof chunk === 'string' ? Buffer.from(chunk) : chunk);
    const done = rest.find((one) => typeof one === 'function');
    if (done) process.nextTick(done);
    return true;
  };
}

/** Files, and devices such as /dev/full. */
function isFile(fd: number): boolean {
  const stat = fstatSync(fd);
  return stat.isFile() || stat.isCharacterDevice();
}

function writeWhole(bytes: Uint8Array): void {
  try {
    for (let done = 0; done < bytes.length; ) {
      const written = writeSync(1, bytes, done);
      if (written === 0) throw Object.assign(new Error('nothing was written'), { code: 'ENOSPC' });
      done += written;
    }
  } catch (error) {
    throw outputLost(error);
  }
}

function outputLost(error: unknown): JobrunError {
  const message = `the output cannot be written: ${(error as Error).message}`;
  return new JobrunError(
    'output-lost',
    message,
    'Make room there, or print to another place.',
    error,
  );
}
