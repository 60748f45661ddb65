// Requests as a test needs them: with any method and any Host, and servers on a port that is free.
import { createServer, type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { whenOver } from './shared.ts';

export interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
  readonly headers: IncomingHttpHeaders;
}

export interface Asking {
  readonly host?: string;
  readonly method?: string;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export function ask(
  url: string,
  { host, method = 'GET', body, headers: given = {} }: Asking = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers = { ...given, ...(host !== undefined && { host }) };
    const sent = request(url, { method, headers, agent: false }, async (response) => {
      const { statusCode = 0, headers: received } = response;
      resolve({
        status: statusCode,
        type: received['content-type'] ?? '',
        headers: received,
        body: await textOf(response),
      });
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

export interface Received {
  readonly url: string;
  readonly method: string;
  readonly type: string;
  readonly body: string;
}

/** Takes what is posted to it; `answer` says with which code, or null to say nothing at all. */
export async function receiver(
  answer: (received: Received, before: number) => number | null = () => 204,
): Promise<{ readonly url: string; readonly received: readonly Received[] }> {
  const received: Received[] = [];
  const server = createServer(async (message, response) => {
    const { url = '', method = '', headers } = message;
    const one = { url, method, type: headers['content-type'] ?? '', body: await textOf(message) };
    const code = answer(one, received.length);
    received.push(one);
    if (code !== null) response.writeHead(code).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  whenOver(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, received };
}

async function textOf(message: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of message.setEncoding('utf8')) text += chunk;
  return text;
}
