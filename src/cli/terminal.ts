// What is asked of the person at the terminal, and what is read from whatever stands before us in a pipe.
import { JobrunError } from '../support/errors.ts';

export async function readStdin(): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

/** Asks on stderr; without a terminal nobody can answer, so that `-y` has to say it. */
export function confirmer(yes: boolean, json: boolean): (question: string) => Promise<boolean> {
  return async (question) => {
    if (yes) return true;
    if (json || !process.stdin.isTTY || !process.stderr.isTTY) {
      const message = `${question} There is no terminal to ask.`;
      throw new JobrunError('bad-option', message, 'Say yes beforehand: -y');
    }
    const { createInterface } = await import('node:readline/promises');
    const lines = createInterface({ input: process.stdin, output: process.stderr });
    try {
      return /^y(?:es)?$/i.test((await lines.question(`${question} [y/N] `)).trim());
    } finally {
      lines.close();
    }
  };
}
