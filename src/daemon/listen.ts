// The daemon's Unix socket: where it lies, and who answers there. Only the holder of the state's lock comes here.
import { prepareFolder, socketPaths } from '../api/address.ts';
import { type Serving, serve } from '../api/server.ts';
import { dispatcher, tellsOwn } from '../commands/dispatch.ts';
import type { Tools } from '../commands/shared/command.ts';

export function listen(tools: Tools, onError: (error: unknown) => void): Promise<Serving> {
  const { config, clock, engine } = tools;
  const [path = ''] = socketPaths(config.state);
  prepareFolder(path, config.state);
  // Of what a handler did and saw it has made sure: a later change that is refused is not its own.
  const durable = (command: string, isError: boolean): Promise<void> | null =>
    !isError && tellsOwn(command) ? null : engine.durable().catch(() => undefined);
  return serve({ path, clock, handle: dispatcher(tools), durable, onError });
}
