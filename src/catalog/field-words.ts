// Names that other programs give to the fields of a job. A definition with such a field is refused with the name that it
// has here. Most are too far from that name to be found as a misspelling.

const IN_RETRIES = 'It stands in "retries": retries: { limit: 3, delay: \'10s\', … }.';
const WITH_A_RUN = 'It is given with a run: jobrun schedule <job> --key <text>.';

const IN_FILE = 'It stands in the file of a job, as code.';

/** Each by its letters alone, in lower case. */
export const FIELD_WORDS: Readonly<Record<string, string>> = {
  run: IN_FILE,
  initialize: IN_FILE,
  params: IN_FILE,
  lock: IN_FILE,
  nextrun: IN_FILE,
  onerror: IN_FILE,
  onstale: IN_FILE,
  ondone: IN_FILE,
  onfailed: IN_FILE,
  name: "A job's name is that of its file.",
  id: "A job's name is that of its file.",
  title: 'description',
  tags: 'group',
  category: 'group',
  handler: 'run',
  handle: 'run',
  execute: 'run',
  perform: 'run',
  process: 'run',
  function: 'run',
  fn: 'run',
  task: 'run',
  action: 'run',
  main: 'run',
  schema: 'params',
  input: 'params',
  args: 'params',
  validate: 'params',
  validator: 'params',
  before: 'initialize',
  setup: 'initialize',
  init: 'initialize',
  schedule: 'Did you mean "cron" or "every"?',
  crontime: 'cron',
  crontab: 'cron',
  cronexpression: 'cron',
  interval: 'every|per',
  repeat: 'every',
  tz: 'timezone',
  retry: 'retries|limit',
  attempts: 'retries|limit',
  tries: 'retries|limit',
  maxattempts: 'retries|limit',
  maxretries: 'retries|limit',
  max: 'limit',
  delay: IN_RETRIES,
  backoff: IN_RETRIES,
  factor: IN_RETRIES,
  maxdelay: IN_RETRIES,
  jitter: IN_RETRIES,
  duration: 'per|timeout',
  window: 'per',
  ttl: 'timeout|per',
  maxduration: 'timeout',
  deadline: 'timeout',
  heartbeat: 'lockTime',
  parallel: 'concurrency',
  parallelism: 'concurrency',
  maxconcurrency: 'concurrency',
  concurrencylimit: 'concurrency',
  limit: 'Did you mean "concurrency" or "rateLimit"?',
  throttle: 'rateLimit',
  rate: 'rateLimit',
  limiter: 'rateLimit',
  key: WITH_A_RUN,
  jobid: WITH_A_RUN,
  unique: WITH_A_RUN,
  idempotencykey: WITH_A_RUN,
  retention: 'keep',
  removeoncomplete: 'keep',
  removeonfail: 'keep',
  onsuccess: 'onDone',
  oncomplete: 'onDone',
  oncompleted: 'onDone',
  onfailure: 'onFailed',
  env: 'Variables stand in "env" of jobrun.config.json.',
  environment: 'Variables stand in "env" of jobrun.config.json.',
  enabled: 'A job is held with jobrun pause <job>.',
  disabled: 'A job is held with jobrun pause <job>.',
};

/** The fields that most jobs have, and where the others are. */
const COMMON = ['run', 'params', 'retries', 'timeout', 'cron', 'every', 'concurrency'];

export function someFields(known: readonly string[]): string {
  const some = COMMON.filter((name) => known.includes(name));
  const more = known.length - some.length;
  return `Known are: ${some.join(', ')} and ${more} more: see "All fields" in docs/writing-jobs.md.`;
}
