// The manual page, jobrun(1), made from docs/command-line.md and docs/errors.md: a test keeps the first equal to what
// `--help` prints, and the second complete. The build writes it into dist/, and npm links it on a global install.

const ABOUT = 'Background jobs on one machine: schedule, watch, abort and resume them.';

const FILES = [
  ['jobs/', 'One file for each job.'],
  ['jobrun.config.json', 'The settings of the project; may be absent.'],
  ['state/', 'Everything that jobrun knows of the project. state/README.md explains each file.'],
];

const VARIABLES = [
  ['JOBRUN_DIR, JOBRUN_STATE, JOBRUN_JOBS', 'The project, its state folder and its jobs folder.'],
  ['JOBRUN_HTTP, JOBRUN_WORKERS, JOBRUN_DRAIN', 'As --http, --workers and --drain of the daemon.'],
  ['JOBRUN_TIMEZONE', 'The time zone of what is typed and shown.'],
  [
    'JOBRUN_ENGINE, JOBRUN_HOST, JOBRUN_LEASE',
    'The database that keeps runs, and this host in it.',
  ],
  ['NO_COLOR, FORCE_COLOR', 'Whether output has colours.'],
];

const STATUSES = {
  0: 'Success',
  1: 'Some of several ids were refused, or something unexpected happened',
  2: 'Wrong usage',
  3: 'No such job, run, schedule or path',
  4: 'A daemon is needed and none answers',
  5: 'Refused by the present state',
  6: 'The run failed',
  7: 'The run was aborted',
  8: 'The state, the disk or the store cannot be used',
  74: 'The daemon ended because its disk refuses writes',
  124: 'A wait timed out',
  130: 'Interrupted',
  143: 'Terminated',
};

/** The page in the man macros; `version` stands in its foot. */
export function manPage(commands, errors, version) {
  return [
    `.TH JOBRUN 1 "" "jobrun ${version}" "User Commands"`,
    '.SH NAME',
    'jobrun \\- background jobs for Node.js',
    '.SH SYNOPSIS',
    '.B jobrun',
    '.RI [ options ]',
    '.I command',
    '.SH DESCRIPTION',
    ABOUT,
    'Put a module into jobs/, start',
    '.BR "jobrun daemon" ,',
    'and schedule runs of it. Without a command,',
    '.B jobrun',
    'opens the dashboard in a terminal.',
    '.SH GENERAL OPTIONS',
    ...[...commands.matchAll(/^\| `(.+?)` \| (.+?) \|$/gm)].flatMap(([, term, text]) =>
      tagged(term, text),
    ),
    '.SH COMMANDS',
    ...[...commands.matchAll(/^```\n(.*?)\n```$/gms)].flatMap(([, help]) => command(help)),
    '.SH EXIT STATUS',
    ...statuses(errors),
    '.SH ENVIRONMENT',
    ...VARIABLES.flatMap(([term, text]) => tagged(term, text)),
    '.SH FILES',
    ...FILES.flatMap(([term, text]) => tagged(term, text)),
    '.SH SEE ALSO',
    'The folder docs/ of the package, and the',
    '.B \\-\\-help',
    'of each command.',
    '',
  ].join('\n');
}

/** One command: its help has a line of usage, what it does, and sections of terms or examples. */
function command(help) {
  const [usage = '', ...rest] = help.split('\n');
  const lines = [`.SS "${escaped(usage)}"`];
  let section = '';
  for (const line of folded(rest)) {
    const [, title] = /^(\w[\w ]*):$/.exec(line) ?? [];
    if (title !== undefined) {
      section = title;
      lines.push('.PP', `${escaped(title)}:`);
      if (section === 'Examples') lines.push('.PP', '.nf');
    } else if (line.startsWith('  ') && section === 'Examples') lines.push(escaped(line.trim()));
    else if (line.startsWith('  ')) lines.push(...tagged(...line.trim().split(/ {2,}/)));
    else if (line !== '') lines.push('.PP', escaped(line));
  }
  return section === 'Examples' ? [...lines, '.fi'] : lines;
}

/** Joins the lines that the help broke. */
function folded(lines) {
  const whole = [];
  for (const line of lines) {
    const last = whole.at(-1) ?? '';
    const isRest = /^ {5,}\S/.test(line) || (/^\w/.test(line) && /^\w.*[^:]$/.test(last));
    if (isRest) whole.push(`${whole.pop()} ${line.trim()}`);
    else whole.push(line);
  }
  return whole;
}

/** Each exit code with its meaning and the codes of the errors that have it. */
function statuses(errors) {
  const codes = [...errors.matchAll(/^\| `([\w-]+)` \| (\d+) \|/gm)];
  const unknown = codes.filter(([, , exit]) => STATUSES[exit] === undefined);
  if (unknown.length > 0) throw new Error(`no meaning for exit code ${unknown[0][2]}`);
  return Object.entries(STATUSES).flatMap(([exit, meaning]) => {
    const names = codes.filter((one) => one[2] === exit).map(([, name]) => name);
    return tagged(exit, `${meaning}${names.length === 0 ? '' : ` (${names.join(', ')})`}.`);
  });
}

const tagged = (term, text = '') => ['.TP', `.B ${escaped(term)}`, escaped(text)];

/** A hyphen stays one, and no line is taken for a request. */
const escaped = (text) =>
  text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll('"', '\\(dq')
    .replace(/^([.'])/, '\\&$1');
