// What people type first who know another program: some of it simply works, and the rest is refused with the line that
// does it, which is read by the same parser here.
import { expect, test, vi } from 'vitest';
import { withGuess } from '../../src/cli/guesses.ts';
import { parse } from '../../src/cli/program.ts';
import { JobrunError } from '../../src/support/errors.ts';
import { Project, type Result } from '../helpers/project.ts';

const JOB = { 'jobs/hello.mjs': 'export default ({ name }) => name;' };

test.each([
  ['ps', 'list'],
  ['rm 5', 'remove'],
  ['kill 5', 'abort'],
  ['status', 'status'],
])('%s is %s', async (typed, name) => {
  expect((await parse(typed.split(' ')))?.command.name).toBe(name);
});

test('version is --version, and of a project too', async () => {
  const write = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  expect(await parse(['version'])).toBeNull();
  expect(await parse(['--dir', '/p', 'version'])).toBeNull();
  const said = write.mock.calls.map(([text]) => String(text));
  vi.restoreAllMocks();
  expect(said).toEqual([expect.stringMatching(/^\d+\.\d+\.\d+/), said[0]]);
});

test('other guesses are refused and name the line that does it, which is one', async () => {
  const project = new Project(JOB);
  const answers: readonly (readonly [string[], string])[] = [
    [['start'], 'jobrun daemon'],
    [['cancel', '5'], 'jobrun abort 5'],
    [['stop', '5'], 'jobrun abort 5'],
    [['delete', '5', '6'], 'jobrun remove 5 6'],
    [['add', 'hello'], 'jobrun schedule hello'],
    [['submit', 'hello', '-p', 'name=Ada L'], "jobrun schedule hello -p 'name=Ada L'"],
    [['enqueue', 'hello'], 'jobrun schedule hello'],
    [['at', '18:00', 'hello'], 'jobrun schedule hello --at 18:00'],
    [['batch', 'runs.jsonl'], 'jobrun schedule --batch runs.jsonl'],
    [['cron'], "jobrun schedule <job> --cron '0 3 * * *'"],
    [['tail', '5'], 'jobrun logs -f 5'],
    [['watch'], 'jobrun list --watch'],
    [['run', './jobs/hello.ts'], 'jobrun run hello'],
    [['logs', 'hello'], 'jobrun list --job hello --limit 1'],
    [['list', 'failed'], 'jobrun list --state failed'],
    [['list', 'hello'], 'jobrun list --job hello'],
    [['list', '-n', '3'], 'jobrun list --limit 3'],
  ];
  const told = await project.calls(answers.map(([words]) => words));
  for (const [i, [words, line]] of answers.entries()) {
    const { code, stderr } = told[i] as Result;
    expect([words, code, stderr], words.join(' ')).toEqual([
      words,
      2,
      expect.stringContaining(`Try: ${line}\n`),
    ]);
    const typed = line.replace('<job>', 'hello').replace(/^jobrun /, '');
    const read = (typed.match(/'[^']*'|\S+/g) ?? []).map((word) => word.replaceAll("'", ''));
    await expect(parse(read), line).resolves.not.toBeNull();
  }
}, 60_000);

test('params that were typed as options or as a file are answered by how to give them', async () => {
  const project = new Project(JOB);
  const hint = async (...words: string[]): Promise<string> => (await project.cli(words)).stderr;
  expect(await hint('run', 'hello', '--name=Ada')).toContain('-p name=Ada');
  expect(await hint('schedule', 'hello', '--greeting', 'Ada')).toContain('-p ');
  expect(await hint('run', 'hello', '--params', 'params.json')).toContain('--params @params.json');
  // A misspelt option is still called by its name, and what is wrong in another way keeps its hint.
  expect(await hint('schedule', 'hello', '--prioritty', '5')).toContain('--priority');
  expect(await hint('list', '--nothing')).not.toContain('-p ');
  expect(await hint('frobnicate')).not.toContain('Try:');
  // A path may be the name of a job, so that this one is only unknown.
  const { code, stderr } = await project.cli(['schedule', 'jobs/mail/send.mjs', '--in', '5m']);
  expect([code, stderr]).toEqual([3, expect.stringContaining('jobrun schedule mail/send --in 5m')]);
}, 60_000);

test('the latest run of a job is named for its name, where it has one', async () => {
  const project = new Project(JOB);
  await project.json('schedule', 'hello', '--in', '1h');
  const { id } = (await project.json('schedule', 'hello', '--in', '2h')) as { id: string };
  const calls = [['tail', 'hello'], ['logs', 'hello'], ['show', 'hello'], ['hello']];
  const told = await project.calls(calls);
  expect(told.map(({ stderr }) => /^.*Try: (.*)$/m.exec(stderr)?.[1])).toEqual([
    `jobrun logs -f ${id}`,
    `jobrun logs ${id}`,
    `jobrun show ${id}`,
    'jobrun run hello',
  ]);
  const { code } = await project.cli(['logs', id]);
  expect(code).toBe(0);
}, 60_000);

/** There are the jobs hello, whose latest run is 27, and mail, which has none. */
const FACTS = {
  hasJob: (name: string) => ['hello', 'mail'].includes(name),
  hasProgram: (name: string) => name === 'make',
  latestRun: async (job: string) => (job === 'hello' ? '27' : null),
};

/** A line as words; in quotes a word with blanks. */
const wordsIn = (line: string): string[] =>
  (line.match(/'[^']*'|\S+/g) ?? []).map((word) => word.replaceAll("'", ''));

/** The hint for a line that is refused: by the parser, or later with this message. */
async function hintFor(typed: string, message = 'it is refused'): Promise<string> {
  const argv = wordsIn(typed);
  const refused = await parse(argv).then(
    () => new JobrunError('bad-option', message, ''),
    (error: JobrunError) => error,
  );
  return (await withGuess(refused, argv, FACTS)).hint;
}

const LINES = `
logs --tail 20                    > logs -n 20 <id>
logs --tail=20 5                  > logs -n 20 5
logs -w 5                         > logs -f 5
logs -f hello                     > logs -f 27
logs hello -n 20                  > logs 27 -n 20
logs mail                         > list --job mail --limit 1
tail hello                        > logs -f 27
tail -f hello                     > logs -f 27
tail nothing                      > logs -f <id>
--dir /p tail hello               > --dir /p logs -f 27
--json --dir=/p -v cancel 5       > --dir=/p abort 5
tail hello --dir /p               > logs -f 27 --dir /p
logs --tail 20 5 --dir shop       > logs -n 20 5 --dir shop
stop -f --dir shop                > stop --now --dir shop
cancel --reason stuck 5           > abort --reason stuck 5
kill --reason stuck -9 5          > abort --reason stuck --force 5
tail -f 2                         > logs -f 2
log hello                         > logs 27
cat 17                            > logs 17
out 17                            > logs 17
watch 2                           > logs -f 2
watch hello                       > logs -f 27
watch                             > list --watch
wait hello                        > wait 27
info hello                        > show 27
show mail                         > jobs mail
enqueue hello --name=A            > schedule hello -p name=A
enqueue hello --name A --in 5m    > schedule hello -p name=A --in 5m
enqueue hello --greeting=A        > schedule hello -p greeting=A
add hello --name a --cron @daily  > schedule hello --name a --cron @daily
run hello -p name Ada             > run hello -p name=Ada
schedule hello -p a 1 -p b=2      > schedule hello -p a=1 -p b=2
cron '0 3 * * *' hello            > schedule hello --cron '0 3 * * *'
cron hello '0 3 * * *'            > schedule hello --cron '0 3 * * *'
cron @daily hello -p n=1          > schedule hello --cron @daily -p n=1
cron hello                        > schedule hello --cron '0 3 * * *'
cron -l                           > schedules
at hello 17:30                    > schedule hello --at 17:30
at 17:30 hello                    > schedule hello --at 17:30
at tomorrow 9:00 hello            > schedule hello --at 'tomorrow 9:00'
every hello 5m                    > schedule hello --every 5m
every 5m hello                    > schedule hello --every 5m
schedule every 5m hello           > schedule hello --every 5m
schedule in 5m hello              > schedule hello --in 5m
schedule 5m hello                 > schedule hello --in 5m
add hello tomorrow 9:00           > schedule hello --at 'tomorrow 9:00'
cancel hello                      > abort --job hello
cancel all                        > abort --all
job list                          > jobs
job new mail/send                 > new mail/send
start 50                          > retry 50
start hello                       > run hello
start daemon                      > daemon
edit 17                           > update 17 --at 18:30
edit                              > update <id> --at 18:30
edit 17 -p n=1                    > update 17 -p n=1
edit hello                        > list --job hello --state scheduled,waiting,queued
update hello --at 18:30           > list --job hello --state scheduled,waiting,queued
move 17 in 1h                     > update 17 --in 1h
move 17 to 18:30                  > update 17 --at 18:30
daemon --stop                     > stop
daemon --status                   > status
list today                        > list --since today
list failed yesterday             > list --state failed --since yesterday
list failed -n 3                  > list --state failed --limit 3
ps aux                            > list
ps -ef                            > list
doctor --fix                      > doctor --repair
status --watch                    > dashboard
replay 2                          > rerun 2
hello                             > run hello
hello name=Ada                    > run hello -p name=Ada
hello --in 5m                     > run hello --in 5m
./jobs/hello.ts                   > run hello
jobs/hello.mjs                    > run hello
run make test                     > run -- make test
run ./build.sh all                > run -- ./build.sh all
prune --older 7d                  > prune --older-than 7d
prune --all                       > prune --keep 0
prune --force --older-than 1d     > prune -y --older-than 1d
prune --failed                    > prune --state failed
ps --status failed                > list --state failed
list --failed                     > list --state failed
list -n 3                         > list --limit 3
list -w                           > list --watch
ls -la                            > list
list --queue mail                 > list --job mail
list -o json                      > list --json
show 1 --format=json              > show 1 --json
list --no-color                   > list --color never
running                           > list --state running
errors                            > list --state failed,aborted
list hello failed --json          > list --job hello --state failed --json
list Failed aborted               > list --state failed,aborted
history hello                     > list --job hello
runs                              > list
run hello n=5                     > run hello -p n=5
run hello n:=5 to=a -q            > run hello -p n:=5 -p to=a -q
run hello '{"n":5}'               > run hello --params '{"n":5}'
run hello -d                      > schedule hello
run --rm hello                    > run hello
run -it hello                     > run hello
run hello --args n=1              > run hello -p n=1
run hello --data '{"n":1}'        > run hello --params '{"n":1}'
run list                          > list
trigger hello                     > run hello
schedule hello tomorrow 9:00      > schedule hello --at 'tomorrow 9:00'
schedule hello in 5m              > schedule hello --in 5m
schedule hello 5m -p n=1          > schedule hello --in 5m -p n=1
schedule hello at 18:00           > schedule hello --at 18:00
schedule hello every 1h           > schedule hello --every 1h
schedule hello '0 3 * * *'        > schedule hello --cron '0 3 * * *'
schedule hello @daily             > schedule hello --cron @daily
schedule hello --daily            > schedule hello --cron @daily
schedule hello --interval 5m      > schedule hello --every 5m
schedule hello --delay 5m         > schedule hello --in 5m
schedule hello --max-retries 3    > schedule hello --retries 3
schedule hello --unique u         > schedule hello --key u
schedule hello -n a --cron @daily > schedule hello --name a --cron @daily
schedule list                     > schedules
schedules ls                      > schedules
schedules delete nightly          > unschedule nightly
schedules pause nightly           > pause --schedule nightly
crontab -l                        > schedules
delay 5m hello                    > schedule hello --in 5m
defer hello                       > schedule hello --in 20m
reschedule 1 5m                   > update 1 --in 5m
update 1 tomorrow                 > update 1 --at 'tomorrow 9:00'
postpone 1                        > update 1 --at 18:30
promote 1                         > update 1 --now
kill -9 1                         > abort --force 1
kill hello                        > abort --job hello
abort all                         > abort --all
abort --signal TERM 1             > abort --force 1
stop hello                        > abort --job hello
stop -f                           > stop --now
rm -f 1                           > remove 1
rm all                            > prune --keep 0
retry failed                      > retry --failed
retry hello                       > retry --job hello
retry --all                       > retry --failed
restart 1                         > rerun 1
restart hello                     > run hello
status 1                          > show 1
status hello                      > jobs hello
show hello                        > show 27
jobs list                         > jobs
job hello                         > jobs hello
new job hello                     > new hello
create hello                      > new hello
init shop                         > init --dir shop
setup                             > init
daemon start                      > daemon --detach
daemon stop                       > stop
daemon -d                         > daemon --detach
daemon --port 9000                > daemon --http 127.0.0.1:9000
daemon --concurrency=8            > daemon --workers 8
jobs:work                         > daemon
scale worker=4                    > daemon --workers 4
up -d                             > daemon --detach
pause all                         > pause
pause --all                       > pause
resume 1                          > retry 1
suspend hello                     > pause hello
unpause hello                     > resume hello
monit                             > dashboard
open                              > web
install                           > service --user
restore all.jsonl                 > import all.jsonl
check                             > jobs --check
`
  .trim()
  .split('\n')
  .map((line) => line.split(/ +> /) as [string, string]);

test.each(LINES)('%s means %s', async (typed, line) => {
  const hint = await hintFor(typed);
  const [said = ''] = hint.split('\nA param is given');
  expect(said).toBe(`Try: jobrun ${line}`);
  await expect(parse(wordsIn(line))).resolves.not.toBeNull();
});

test('where no line does the same, a sentence says what does', async () => {
  expect(await hintFor('restart')).toBe('Restart it: jobrun stop && jobrun daemon --detach');
  expect(await hintFor('daemon restart')).toContain('jobrun stop && jobrun daemon --detach');
  expect(await hintFor('list --all')).toContain('every state');
  expect(await hintFor('logs --timestamps 5')).toContain('begins with its time');
  expect(await hintFor('backup')).toContain('jobrun export > backup.jsonl');
  expect(await hintFor('pause 12')).toContain('jobrun abort <id>');
  expect(await hintFor('rm --all')).toContain('jobrun prune --keep 0');
  expect(await hintFor('daemon --restart')).toContain('jobrun stop && jobrun daemon --detach');
  expect(await hintFor('delete hello')).toBe(
    'Try: jobrun remove $(jobrun list --job hello --state done,failed,aborted -q)',
  );
  expect(await hintFor('man')).toBe('Try: jobrun help');
  expect(await hintFor('docs schedule')).toBe('Try: jobrun help schedule');
});

test('an option that may be a param keeps that way too, and a mere switch is no param', async () => {
  expect(await hintFor('schedule hello --delay 5m')).toMatch(/--in 5m\nA param .* -p delay=5m\.$/);
  expect(await hintFor('run hello --detach')).not.toContain('-p');
  expect(await hintFor('run hello --n 5')).toContain('-p n=5');
  const leave = new JobrunError(
    'bad-option',
    '--name has a meaning only with --cron',
    'Leave it out.',
  );
  expect((await withGuess(leave, ['schedule', 'hello', '--name=Ada'])).hint).toBe(
    'Leave it out.\nA param is given with -p name=Ada.',
  );
});

test('a refusal that names the file of the job keeps its hint', async () => {
  const hint = '/p/jobs/deploy.sh lacks its run bit: chmod +x /p/jobs/deploy.sh';
  const refused = new JobrunError('unknown-job', 'there is no job named "jobs/deploy.sh"', hint);
  expect((await withGuess(refused, ['run', 'jobs/deploy.sh'])).hint).toBe(hint);
});

test('an unknown job that is the name of a program is run as one', async () => {
  const unknown = (hint: string) => new JobrunError('unknown-job', 'there is no job named x', hint);
  const hintOf = async (hint: string, ...argv: string[]) =>
    (await withGuess(unknown(hint), argv, FACTS)).hint;
  const see = 'See which there are: jobrun jobs';
  expect(await hintOf(see, 'run', 'make')).toBe('Try: jobrun run -- make');
  expect(await hintOf(see, 'run', 'make', '--local')).toBe('Try: jobrun run --local -- make');
  expect(await hintOf(see, 'run', 'nothing')).toBe(see);
  expect(await hintOf('Did you mean "maker"?', 'run', 'make')).toBe('Did you mean "maker"?');
});

test('what is unknown stays unanswered', async () => {
  for (const typed of [
    'frobnicate',
    'list --nothing',
    'show',
    'schedule hello sometime soon',
    'logs nothing',
    'run hello soon',
  ])
    expect(await hintFor(typed), typed).not.toContain('Try:');
  expect(await hintFor('login')).not.toContain('logs');
});
