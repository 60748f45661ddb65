// What `import 'jobrun'` gives.
export {
  defineJob,
  FatalError,
  type JobContext,
  type JobDefinition,
  RetryAt,
  type StandardSchema,
} from './catalog/job.ts';
export type {
  Accepted,
  Details,
  ListFilter,
  RuleOptions,
  RunEndedError,
  RunOptions,
} from './cli/call-options.ts';
export { connect, type Jobs } from './cli/connect.ts';
export { type RunningDaemon, type StartOptions, startDaemon } from './cli/start-daemon.ts';
export type { EventView } from './commands/events.ts';
export type { Status } from './commands/status.ts';
export type { ScheduleView } from './run/schedule.ts';
export type { LogLine, RunView } from './run/view.ts';
export { type ErrorCode, JobrunError } from './support/errors.ts';
export type { Json } from './support/json.ts';
