// Names that other programs give to the fields of a job, options, settings of the config and words of a choice. Most
// are too far from the name here to be found as a misspelling, so that what is refused is told by this table.

export type Place = 'fields' | 'options' | 'settings' | 'choices';

const IN_FILE = 'It stands in the file of a job, as code.';
const BY_FILE = "A job's name is that of its file.";
const RATES = 'Did you mean "concurrency" or "rateLimit"?';
const IN_RETRIES = 'It stands in "retries": retries: { limit: 3, delay: \'10s\', … }.';
const WITH_A_RUN = 'It is given with a run: jobrun schedule <job> --key <text>.';
const IN_ENV = 'Variables for all jobs stand in "env" of jobrun.config.json.';
const BY_PAUSE = 'A job is held with jobrun pause <job>.';
const OF_JOBS = 'It is a field of a job: for all jobs, write it in "defaults".';

/**
 * The name here, or a sentence where there is none; the places; and the words that mean it there, by their letters
 * alone, in lower case. A word may have several names: the first that is known where it stands counts.
 */
const ROWS: readonly (readonly [to: string, places: string, words: string])[] = [
  [IN_FILE, 'fields', 'run initialize params lock nextrun onerror onstale ondone onfailed'],
  [BY_FILE, 'fields', 'name id'],
  [RATES, 'fields', 'limit'],
  ['Did you mean "cron" or "every"?', 'fields', 'schedule'],
  [IN_RETRIES, 'fields', 'delay backoff factor maxdelay jitter'],
  [WITH_A_RUN, 'fields', 'key jobid unique idempotencykey'],
  [IN_ENV, 'fields options', 'env environment'],
  [BY_PAUSE, 'fields', 'enabled disabled'],
  [OF_JOBS, 'settings', 'retries timeout locktime priority ratelimit grace isolation memory'],
  [OF_JOBS, 'settings', 'catchup overlap'],

  ['description', 'fields', 'title'],
  ['group', 'fields', 'tags category'],
  ['run', 'fields', 'handler handle execute perform process function fn task action main'],
  ['params', 'fields', 'schema input args validate validator'],
  ['params', 'options', 'data payload input body args jsonparams'],
  ['initialize', 'fields', 'before setup init'],
  ['onDone', 'fields', 'onsuccess oncomplete oncompleted'],
  ['onFailed', 'fields', 'onfailure'],
  ['cron', 'fields', 'crontime crontab cronexpression'],
  ['cron', 'options', 'schedule'],
  ['every', 'fields options', 'interval repeat repeatevery'],
  ['every', 'options', 'schedule'],
  ['in', 'options', 'delay waitfor'],
  ['at', 'options', 'when time on date runat startat scheduledat eta'],
  ['timezone', 'fields options settings', 'tz zone timezone crontz'],
  ['retries', 'fields options', 'retry attempts tries maxattempts maxretries'],
  ['attempt', 'options', 'attempts'],
  ['limit', 'fields', 'retry attempts tries maxattempts maxretries max'],
  ['limit', 'options', 'count max size last tail lines'],
  ['lines', 'options', 'max tail'],
  ['timeout', 'fields options', 'ttl maxduration maxtime timelimit deadline'],
  ['timeout', 'fields', 'duration'],
  ['per', 'fields', 'interval duration window ttl'],
  ['grace', 'options', 'timeout time graceperiod'],
  ['lockTime', 'fields', 'heartbeat'],
  ['concurrency', 'fields', 'parallel parallelism maxconcurrency concurrencylimit'],
  ['workers', 'options settings', 'concurrency parallelism maxworkers threads processes'],
  ['rateLimit', 'fields', 'throttle rate limiter'],
  ['priority', 'fields options', 'prio'],
  ['key', 'options', 'id jobid unique idempotencykey dedupe'],
  ['ids', 'options', 'id'],
  ['after', 'options', 'depends dependson dependency parents needs'],
  ['keep', 'fields settings', 'retention removeoncomplete removeonfail'],
  ['keep', 'options', 'keeplast last'],
  ['olderThan', 'options', 'older olderthanms age maxage days before until'],
  ['dryRun', 'options', 'dry pretend'],
  ['replace', 'options', 'overwrite update'],
  ['name', 'options', 'schedulename'],
  ['job', 'options', 'name task queue jobname'],
  ['job', 'settings', 'jobs'],
  ['jobs', 'settings', 'jobsdir jobsfolder jobspath tasks'],
  ['state', 'options', 'status states'],
  ['state', 'settings', 'statedir data datadir'],
  ['stateDir', 'options', 'state'],
  ['dir', 'options', 'cwd chdir folder path project root'],
  ['since', 'options', 'from'],
  ['offset', 'options', 'skip page'],
  ['q', 'options', 'search query filter grep'],
  ['reason', 'options', 'message'],
  ['print', 'options', 'noopen nobrowser'],
  ['js', 'options', 'javascript'],
  ['sh', 'options', 'bash shell'],

  ['detach', 'options', 'background daemonize daemon fork'],
  ['untilIdle', 'options', 'once exit burst stopwhenempty'],
  ['log', 'options', 'logfile'],
  ['http', 'settings', 'port server web api address'],
  ['http', 'options', 'listen bind address'],
  ['listen', 'settings', 'port address'],
  ['base', 'settings', 'path'],
  ['host', 'settings', 'hostname'],
  ['names', 'settings', 'hosts hostnames hostname name'],
  ['host', 'settings', 'name'],
  ['drain', 'settings', 'drainms shutdowntimeout'],
  ['notify', 'settings', 'notifications webhook webhooks hooks alerts'],
  ['on', 'settings', 'event events when states'],
  ['command', 'settings', 'run exec cmd script'],
  ['to', 'settings', 'endpoint'],
  ['url', 'settings', 'webhook to endpoint address'],
  ['trace', 'settings', 'tracing otel'],
  ['sample', 'settings', 'ratio'],
  ['env', 'settings', 'environment'],
  ['engine', 'settings', 'database databaseurl db postgres store storage'],
  ['redact', 'settings', 'secrets hidden mask'],
  ['runs', 'settings', 'count'],
  ['bytes', 'settings', 'size'],

  ['done', 'choices', 'success succeeded successful complete completed finished ok'],
  ['done', 'settings', 'completed'],
  ['failed', 'choices settings', 'errors'],
  ['failed', 'choices', 'error errored failure fail dead'],
  ['errors', 'choices', 'failed aborted'],
  ['aborted', 'choices', 'cancel cancelled canceled killed terminated stopped'],
  ['running', 'choices', 'active started processing executing inprogress'],
  ['queued', 'choices', 'pending ready'],
  ['scheduled', 'choices', 'queued waiting delayed later retrying'],
  ['waiting', 'choices', 'blocked'],
  ['lost', 'choices', 'crashed'],
  ['threw', 'choices', 'exception throws crashed'],
  ['timeout', 'choices', 'timedout'],
  ['skip', 'choices', 'forbid ignore drop none never'],
  ['once', 'choices', 'latest last'],
  ['all', 'choices', 'always every'],
  ['queue', 'choices', 'wait serial'],
  ['allow', 'choices', 'parallel concurrent'],
  ['shared', 'choices', 'parallel concurrent'],
  ['replace', 'choices', 'cancel restart'],
  ['fixed', 'choices', 'constant'],
];

/**
 * Returns the name that a word has here, or a sentence about it; null if no name for it is known there. `max_retries`
 * is looked for as `maxretries`.
 */
export function meantBy(word: string, place: Place, known: readonly string[]): string | null {
  const letters = word.replace(/[_-]/g, '').toLowerCase();
  const rows = ROWS.filter(
    ([, places, words]) => words.split(' ').includes(letters) && places.split(' ').includes(place),
  );
  return rows.map(([to]) => to).find((to) => isSentence(to) || known.includes(to)) ?? null;
}

export const isSentence = (to: string): boolean => to.includes(' ');
