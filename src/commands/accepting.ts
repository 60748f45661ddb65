// A single run taken in: it is durable when this resolves, and shown as it was then.
import type { Draft } from '../run/run.ts';
import { JobrunError } from '../support/errors.ts';
import type { Tools } from './command.ts';
import { type AcceptedView, viewerOfAccepted } from './views.ts';

export async function acceptOne(draft: Draft, tools: Tools, now: number): Promise<AcceptedView> {
  const accepting = tools.engine.accept([draft], now, tools.request);
  // Before it is durable: where it can start at once, that goes into the same commit.
  tools.wake();
  const [accepted] = await accepting;
  if (!accepted) throw new JobrunError('internal', 'a run was lost', 'Please report this.');
  return viewerOfAccepted(tools)(accepted);
}
