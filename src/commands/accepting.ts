// A single run taken in: it is durable when this resolves, and shown as it was then. A repeated request is known before
// anything of it is checked: what was accepted is not refused because its job has changed since.
import type { Accepted } from '../engine/engine.ts';
import type { Draft } from '../run/run.ts';
import { JobrunError } from '../support/errors.ts';
import type { Tools } from './command.ts';
import { type AcceptedView, viewerOfAccepted } from './views.ts';

export async function acceptOne(
  draftOf: () => Draft | Promise<Draft>,
  tools: Tools,
  now: number,
): Promise<AcceptedView> {
  const again = await acceptedBefore(1, tools, now);
  if (again?.[0]) return viewerOfAccepted(tools)(again[0]);
  const draft = await draftOf();
  const [accepted] = await tools.engine.accept([draft], now, { request: tools.request });
  if (!accepted) throw new JobrunError('internal', 'a run was lost', 'Please report this.');
  return viewerOfAccepted(tools)(accepted);
}

/** What this very request was answered with, where it came before with as many runs and all of them are there. */
export async function acceptedBefore(
  count: number,
  { engine, request }: Tools,
  now: number,
): Promise<readonly Accepted[] | null> {
  const again = request === undefined ? null : await engine.answered(request, now);
  return again?.length === count ? again : null;
}
