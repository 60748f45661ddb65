// The routes of workers outside: they take runs of external jobs, report, and end them. Each is a request of
// `commands/`, as all routes are; docs/workers.md tells the protocol.
import type { Route } from './routes.ts';

const post = (path: string, command: string, about: string, schema: string): Route => ({
  method: 'POST',
  how: 'reply',
  replies: { 200: schema },
  ...{ path, command, about },
});

export const WORKER_ROUTES: readonly Route[] = [
  {
    ...post('leases', 'take', 'Take runs of external jobs; waits for one', 'Leases'),
    how: 'first',
    needs: ['jobs', 'worker'],
  },
  post('leases/{lease}', 'lease', 'Report on a run that was taken', 'LeaseState'),
  post('leases/{lease}/done', 'lease-done', 'The run is done', 'Run'),
  {
    ...post('leases/{lease}/failed', 'lease-failed', 'The attempt failed', 'Run'),
    needs: ['message'],
  },
  {
    ...post('leases/{lease}/callback', 'lease-callback', 'Not done yet: again later', 'Run'),
    needs: ['in'],
  },
  post('leases/{lease}/pending', 'lease-pending', 'The result comes from elsewhere', 'Run'),
];
