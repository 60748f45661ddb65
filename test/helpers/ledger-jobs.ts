// Jobs that write down when they begin and end, outside the state folder: run, attempt and process. Each remembers who
// holds its run, so that the next attempt can see whether a process of the one before still lives.

const LEDGER = `import { appendFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
const out = process.env.LEDGER_DIR;
const say = (kind, ctx, more) => appendFileSync(join(out, 'ledger.jsonl'),
  JSON.stringify({ kind, run: ctx.id, attempt: ctx.attempt, pid: process.pid, ...more }) + '\\n', { flush: true });
export function startOf(pid) {
  try {
    const stat = readFileSync('/proc/' + pid + '/stat', 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return 'ZXx'.includes(fields[0]) ? '' : fields[19];
  } catch { return ''; }
}
export async function held(ctx, work) {
  const owner = join(out, 'owners', ctx.id);
  let before = '';
  try { before = readFileSync(owner, 'utf8'); } catch { before = ''; }
  for (const line of before.split('\\n').filter(Boolean)) {
    const [pid, start] = line.split(' ');
    if (start && startOf(pid) === start) say('double', ctx, { other: Number(pid) });
  }
  say('begin', ctx);
  const own = (pid) => appendFileSync(owner, pid + ' ' + startOf(pid) + '\\n');
  writeFileSync(owner, '');
  own(process.pid);
  try { return await work(own); }
  finally { rmSync(owner, { force: true }); say('end', ctx); }
}
`;

const OPTIONS = `retries: { limit: 100000, delay: '10ms', backoff: 'fixed' }, grace: '200ms'`;
const job = (more: string, work: string): string =>
  `import { held } from './_ledger.js';
export default { ${OPTIONS}, ${more} run: (params, ctx) => held(ctx, async (own) => { ${work} }) };
`;

export const LEDGER_JOBS: Readonly<Record<string, string>> = {
  'jobs/_ledger.js': LEDGER,
  'jobs/quick.js': job('', 'await ctx.sleep(10); return params.n;'),
  'jobs/saves.js': job(
    '',
    `for (let i = ctx.checkpoint?.i ?? 0; i < 3; i++) { await ctx.save({ i: i + 1 }); ctx.progress(30 * i); ctx.result({ i }); }
     if (ctx.attempt === 1 && params.n % 3 === 0) throw new Error('the first time it fails'); return params.n;`,
  ),
  'jobs/many.js': job(`isolation: 'shared',`, 'await ctx.sleep(30); return params.n;'),
  'jobs/alone.js': job(`isolation: 'fresh',`, 'await ctx.sleep(10); return params.n;'),
  'jobs/busy.js': job(
    '',
    'const end = Date.now() + 150; while (Date.now() < end); return params.n;',
  ),
  'jobs/long.js': job('', 'await ctx.sleep(3000); return params.n;'),
  // Leaves a process behind that has left its group and session: it must be gone before the next attempt.
  'jobs/leaves.js': job(
    '',
    `const { spawn } = await import('node:child_process');
     const child = spawn('sleep', ['60'], { detached: true, stdio: 'ignore' }); own(child.pid);
     await ctx.sleep(200); child.kill('SIGKILL'); return params.n;`,
  ),
  'jobs/beat.js': job(`isolation: 'shared', cron: '* * * * * *', overlap: 'allow',`, 'return 1;'),
  'jobs/tick.js': job(`every: '200ms',`, 'return 1;'),
  'jobs/shell.json': '{ "retries": { "limit": 100000, "delay": "10ms", "backoff": "fixed" } }',
  'jobs/shell': `#!/bin/sh
owner="$LEDGER_DIR/owners/$JOBRUN_ID"
say() { echo "{\\"kind\\":\\"$1\\",\\"run\\":\\"$JOBRUN_ID\\",\\"attempt\\":$JOBRUN_ATTEMPT,\\"pid\\":$$}" >> "$LEDGER_DIR/ledger.jsonl"; }
if [ -s "$owner" ]; then
  read -r pid start < "$owner"
  now=$(cut -d ' ' -f 22 "/proc/$pid/stat" 2>/dev/null)
  letter=$(cut -d ' ' -f 3 "/proc/$pid/stat" 2>/dev/null)
  if [ -n "$start" ] && [ "$now" = "$start" ] && [ "$letter" != Z ]; then say double; fi
fi
say begin
echo "$$ $(cut -d ' ' -f 22 /proc/$$/stat)" > "$owner"
sleep 0.05
rm -f "$owner"
say end
`,
};

/** Those that an experiment gives work to; `beat` and `tick` find their own. */
export const WORK = ['quick', 'saves', 'many', 'alone', 'busy', 'leaves', 'shell'] as const;
