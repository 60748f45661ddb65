// The exports of `import 'jobrun'`.
export {
  type AnyJob,
  defineJob,
  type ExternalDefinition,
  FatalError,
  type JobContext,
  type JobDefinition,
  type JobName,
  type JobOf,
  type OutputOf,
  type ParamsOf,
  RetryAt,
  type StandardSchema,
} from './catalog/job.ts';
export type * from './catalog/job-types.ts';
export type * from './cli/call-options.ts';
export { connect, type Jobs } from './cli/connect.ts';
export { type RunningDaemon, type StartOptions, startDaemon } from './cli/start-daemon.ts';
export { type ErrorCode, JobrunError } from './support/errors.ts';
