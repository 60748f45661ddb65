// What `import 'jobrun/testing'` gives: jobs in the tests of a project.
export { type JobResult, type RunJobOptions, runJob } from './workers/in-process.ts';
