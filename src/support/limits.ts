// Every bound of the system, each with its reason. A bound that is met gives an error or a mark that says so;
// nothing is cut in silence.

const KB = 1024;
export const MB = 1024 * KB;
export const SECOND = 1000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;
/** Dates end here, in milliseconds since 1970, and begin as far before. */
export const LAST_INSTANT = 8.64e15;
/** Bounds of times that people type: ISO 8601 writes their years with four digits. */
export const FIRST_TYPED = -62_167_219_200_000;
export const LAST_TYPED = 253_402_300_799_999;
/** The longest duration: from now on for many thousand years it ends before dates do. */
export const LONGEST_MS = 8_000_000 * DAY;

/** Params, checkpoint and output: large enough for any description of work, small enough for a million runs. */
export const MAX_VALUE_BYTES = MB;
/** The limit of all saved steps of one run, with their names: they go to a worker with each attempt. */
export const MAX_STEPS_BYTES = 8 * MB;
/** A file of code or settings: larger than any bundle, and read at once. */
export const MAX_SOURCE_BYTES = 64 * MB;
/** Deeper JSON overflows the stack of some readers, and of none that people use for parameters. */
export const MAX_JSON_DEPTH = 100;
/** The largest id of a run that can be typed. */
export const MAX_RUN_ID = 999_999_999_999_999;
export const MAX_JOB_NAME = 100;
/** Each part of a job's name, between slashes. */
export const JOB_NAME_PART = /^[A-Za-z0-9][A-Za-z0-9._-]*$/;
/** A key is an identifier, not a document; so is the name of a step. */
export const MAX_KEY_LENGTH = 500;
/**
 * The limit of the text that a job's `lock` gives: it is kept with each run, and shown as the reason of those that wait
 * for it.
 */
export const MAX_LOCK_LENGTH = 4096;
/** One log text; a longer one is cut and marked. */
export const MAX_LOG_TEXT = 64 * KB;
/** One run's log; head and tail are kept, the middle is counted. */
export const MAX_LOG_BYTES = 10 * MB;
/** The result table of one run: a table that people look at, not a data set. */
export const MAX_RESULT_ROWS = 100_000;
/** The same in bytes of JSON: 200 for each of the most rows, and still shown in a second. */
export const MAX_RESULT_BYTES = 20 * MB;
/** One frame on the socket: a value of full size, its envelope, and room for a batch. */
export const MAX_FRAME_BYTES = 4 * MB;
/** Heap of all requests that have come and are not answered: more than that is read from one client at a time. */
export const MAX_INTAKE_BYTES = 64 * MB;
/** The same as a share of a small heap. */
export const MAX_INTAKE_SHARE = 1 / 8;
/** Time to finish a frame once it has begun: a sender that stalls holds a connection. */
export const FRAME_TIMEOUT_MS = 5 * SECOND;
/** More clients than any one machine's operators open; below the usual limit of 1,024 open files. */
export const MAX_CONNECTIONS = 256;
/** A client that lets this much pile up unread is not reading. */
export const MAX_UNREAD_BYTES = 16 * MB;
/** Heap that the program itself takes, with the garbage of a busy moment. */
export const HEAP_OF_PROGRAM = 64 * MB;
/**
 * The part of the remaining heap that runs may fill: the other half holds requests, replies, caches and V8's own room.
 */
export const HEAP_SHARE_OF_RUNS = 0.5;
/** `accept` takes this many drafts at once; clients cut longer lists. */
export const MAX_BATCH = 1000;
/** Runs that one commit lets go or ends because they waited for another: some hundredths of a second. */
export const MAX_TOLD = 2000;
/** A list with more rows takes some milliseconds: hundreds of such must not be made in one turn of the loop. */
export const LONG_LIST_ROWS = 200;
/** JSON of the runs that one list gives with all their values, as a share of the heap; and in a small heap at least. */
export const LIST_SHARE = 1 / 16;
export const LEAST_LIST_BYTES = 8 * MB;
/** One line of the journal: bounds the memory and the loop time of one group commit. */
export const MAX_COMMIT_BYTES = MB;
/** Runs in one page file: about 250 KB, a few milliseconds to read or write. */
export const PAGE_SIZE = 1000;
/** Journal bytes before a fold: a start replays this in well under a second. */
export const FOLD_BYTES = 8 * MB;
/** A journal that pages are large for may grow to this: a start still reads it in some seconds. */
export const MAX_FOLD_BYTES = 128 * MB;
/** One segment of the journal: a start reads it whole. While a fold takes long, further ones follow. */
export const MAX_SEGMENT_BYTES = 64 * MB;
/**
 * Removed runs before a fold, however short the journal: until then memory has to know of each that its page is wrong.
 */
export const FOLD_REMOVED = 20_000;
/** Attempts kept in a run's history; older ones but the first are counted only. */
export const MAX_ATTEMPTS_KEPT = 100;
/**
 * Characters of message and stack of an error, once a later attempt has begun: a hundred are written down with each.
 */
export const MAX_PAST_ERROR = 1024;
/** Attempts of one run that may be lost or stale where its job sets no retries. */
export const MAX_LOSSES = 5;
/** The scheduler looks at the clocks at least this often: a timer stands still while a machine sleeps. */
export const MAX_SLEEP_MS = 15 * SECOND;
/** Wall and monotonic clock may drift apart by this much between two ticks before it counts as a jump. */
export const CLOCK_JUMP_MS = 2 * SECOND;
/**
 * Runs of a reused worker process: bounds what a leaking job can gather, as its memory does. A process costs as much to
 * start as some hundred small runs, and code is fast only once it has run for a while.
 */
export const MAX_RUNS_PER_WORKER = 10_000;
/** How a machine is called: as long as a name in DNS may be. */
export const MAX_HOST_LENGTH = 255;
/** The shortest time after which a silent daemon is given up: a busy machine is late by a second now and then. */
export const MIN_LEASE_MS = 3 * SECOND;
/** Places of a daemon: more processes than any machine runs well. */
export const MAX_WORKERS = 1000;
/** `shared` attempts under way at once in one process. */
export const MAX_SHARED = 1000;
/** Repeated requests are recognised this long: many times longer than a client retries. */
export const REQUEST_MEMORY_MS = 10 * MINUTE;
export const MAX_REQUESTS_REMEMBERED = 10_000;
/** Events kept for `events --since`; fewer of large runs. As many bytes may wait for one reader. */
export const MAX_EVENTS_KEPT = 10_000;
export const MAX_EVENT_BYTES = 64 * MB;
/** The same as a share of a small heap: on a store no two events have their values in common. */
export const MAX_EVENT_SHARE = 1 / 8;
/** Settled pages held in memory for `show` and `list`; fewer of large ones, but for the last. */
export const PAGES_CACHED = 16;
export const PAGES_CACHED_BYTES = 64 * MB;
/** A Unix socket path above this is cut in silence by Node 20 (the kernel's sun_path has 108 bytes). */
export const MAX_SOCKET_PATH = process.platform === 'darwin' ? 103 : 107;
/** Attempts at once where nothing says how many, and the machine has fewer cores. */
export const FEWEST_WORKERS = 4;
/** Time given to a job file to load before it counts as one that never finishes. */
export const LOAD_TIMEOUT_MS = 10 * SECOND;
/** Time given to an attempt to start its process and load its file, before the job's own code begins: many times what a
 *  busy machine needs. */
export const START_TIMEOUT_MS = MINUTE;
/** Time given to a hook (`onDone` and its kind), to a validator and to `nextRun`. */
export const HOOK_TIMEOUT_MS = 30 * SECOND;
/** Commands that follow a run wait this long for a daemon that went away: a deploy restarts it within that. */
export const RESTART_MS = MINUTE;
/**
 * A daemon that has not told its status after this hangs: one whose store is away takes 5 s, and up to 2 s for its last
 * try, to say so.
 */
export const STATUS_ANSWER_MS = 8 * SECOND;
/** A daemon that starts while a command holds the lock waits this long for it. */
export const LOCK_WAIT_MS = 5 * SECOND;
/** Results that could not be written are kept and tried again this long before the daemon gives up (exit 74). */
export const WRITE_GIVE_UP_MS = MINUTE;
/**
 * Signals this close together are one stop: a supervisor sends them to each process in turn, and programs pass them on.
 */
export const STOP_SIGNAL_MS = SECOND;
/** Between SIGTERM and SIGKILL when an attempt's grace is over; with it an abort ends within grace plus a second. */
export const TERM_TO_KILL_MS = 300;
/** A process that SIGKILL has not ended after this belongs to another user, or hangs in the kernel. */
export const UNDYING_MS = 5 * SECOND;
/** Kept free for results on a full disk: a few thousand of them; or this share of a disk so small that it is less. */
export const RESERVE_BYTES = 2 * MB;
export const RESERVE_SHARE = 0.05;
/** On a full disk it is looked for room again no more often than this. */
export const LOOK_FOR_ROOM_MS = SECOND;
/** The shortest interval of `every`. */
export const MIN_EVERY_MS = SECOND;
/** `catchUp: 'all'` makes at most this many runs. */
export const MAX_CATCH_UP = 1000;
/** Params of the runs that schedules make in one commit: it is one text, and a text has its end at 512 MB. */
export const MAX_FIRING_BYTES = 64 * MB;
/** The newest settled runs of each job are kept whatever `keep` says. */
export const NEWEST_KEPT = 10;
/** Jobs that metrics tell apart: each has some twenty lines, and this many are half a megabyte at every look. */
export const MAX_METRIC_JOBS = 500;
/** Connections that ask for metrics and health: those who watch are a few. */
export const MAX_HTTP_WATCHERS = 32;
/** Connections that use the API or the page: a browser opens six. */
export const MAX_HTTP_CLIENTS = 384;
/**
 * Connections that the system keeps for the daemon until it takes them. With fewer, a burst makes others wait a second.
 */
export const HTTP_BACKLOG = 511;
/** Connections that have not asked for anything yet: more than the system hands over at once, so that none of these is
 *  closed before it could ask. */
export const MAX_HTTP_NEW = 600;
/** Streams of changes: each browser has one. */
export const MAX_HTTP_STREAMS = 256;
/** Body of a request: params of 1 MB, and what is around them. */
export const MAX_HTTP_BODY_BYTES = 1.1 * MB;
/** Bodies that are arriving, of all requests together: slow ones must not fill the heap. */
export const MAX_HTTP_BODIES_BYTES = 32 * MB;
/** The longest wait of a worker outside for a run. */
export const MAX_TAKE_WAIT_MS = 30 * SECOND;
/** Runs that a worker outside takes at once: each is up to 2 MB of the answer. */
export const MAX_TAKEN = 100;
/** A worker outside that was not heard for so long is no longer shown, and its jobs wait for one to ask. */
export const OUTSIDE_SEEN_MS = MINUTE;
/** Connections of workers outside, most of which wait for a run. */
export const MAX_HTTP_WORKERS = 1024;
/** The longest wait for new lines of a log. */
export const MAX_LOG_WAIT_MS = 30 * SECOND;
/** Notifications under way at once: what they tell is told soon, and a slow receiver costs little. */
export const MAX_NOTIFYING = 4;
/** Notifications that wait; with more than that, the last would never be read. */
export const MAX_NOTIFY_QUEUE = 1000;
/** For one try of one notification. */
export const NOTIFY_TIMEOUT_MS = 10 * SECOND;
/** How long a stop waits for notifications that are not out yet. */
export const NOTIFY_STOP_MS = 2 * SECOND;
