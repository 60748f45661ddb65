// The exports of `import 'jobrun/testing'`: jobs in the tests of a project.
export { type JobResult, type RunJobOptions, runJob } from './cli/run-job.ts';
