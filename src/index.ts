// What `import 'jobrun'` gives.
export {
  defineJob,
  FatalError,
  type JobContext,
  type JobDefinition,
  RetryAt,
  type StandardSchema,
} from './catalog/job.ts';
export { type ErrorCode, JobrunError } from './support/errors.ts';
