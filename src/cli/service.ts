// `jobrun service`: a systemd unit for this project, on stdout, to be looked at before it is put where units are.
import { userInfo } from 'node:os';
import { basename, dirname } from 'node:path';
import { policyOf } from '../catalog/catalog.ts';
import type { Command } from '../commands/shared/command.ts';
import { count, text } from '../commands/shared/kinds.ts';
import { flag, option, type Sent } from '../commands/shared/options.ts';
import { DEFAULT_POLICY } from '../run/policy.ts';
import { systemClock } from '../support/clock.ts';
import type { Config } from '../support/config.ts';
import { JobrunError } from '../support/errors.ts';
import { httpAddressOf } from '../support/http-address.ts';
import { MAX_WORKERS, SECOND } from '../support/limits.ts';

interface Reply {
  readonly name: string;
  readonly unit: string;
}

/** A daemon that has not ticked for so long is started again: four times the longest sleep of its scheduler. */
const WATCHDOG_S = 60;
/** On top of the drain and the longest grace: killing what does not end, and writing it all down. */
const STOP_EXTRA_S = 25;
const SYSTEM_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

const options = {
  user: flag('--user', 'for your own systemd, without root'),
  http: option('--http <host:port>', text(1000), 'serve the API, /metrics and /healthz there'),
  workers: option('--workers <n>', count(1, MAX_WORKERS), 'attempts at once'),
};

export const service: Command<typeof options, Reply> = {
  name: 'service',
  about: 'Print a systemd unit that runs the daemon on this project.',
  examples: [
    'service --user > ~/.config/systemd/user/jobrun.service',
    'service | sudo tee /etc/systemd/system/jobrun.service',
  ],
  options,

  async local(request, { config }) {
    if (request.http !== undefined) httpAddressOf(request.http);
    const { readJobs } = await import('../daemon/jobs.ts');
    const graces = (await readJobs(config, systemClock)).map((job) => policyOf(job).graceMs);
    const graceMs = Math.max(DEFAULT_POLICY.graceMs, ...graces);
    const folder = basename(config.dir).replace(/[^A-Za-z0-9]+/g, '-');
    const name = `jobrun-${folder.replace(/^-|-$/g, '') || 'jobs'}`;
    return { name, unit: unitOf(request, config, graceMs, process.argv[1] ?? 'jobrun') };
  },

  show(reply, out, { user }) {
    if (out.done(reply, [reply.unit])) return undefined;
    out.block(reply.unit, '');
    const where = user ? '~/.config/systemd/user' : '/etc/systemd/system';
    const systemctl = user ? 'systemctl --user' : 'sudo systemctl';
    out.note`put it into ${where}/${reply.name}.service, then: ${systemctl} daemon-reload`;
    out.note`and start it, now and at each boot: ${systemctl} enable --now ${reply.name}`;
    if (user) out.note`so that it runs without you logged in: loginctl enable-linger`;
    return undefined;
  },
};

function unitOf(
  request: Sent<typeof options>,
  config: Config,
  graceMs: number,
  program: string,
): string {
  const { user, workers, http } = request;
  const options = [
    ...['--dir', config.dir, '--state-dir', config.state],
    ...(workers === undefined ? [] : ['--workers', String(workers)]),
    ...(http === undefined ? [] : ['--http', http]),
  ];
  const command = [process.execPath, program, 'daemon', ...options].map(word).join(' ');
  const stopS = Math.ceil((config.drainMs + graceMs) / SECOND) + STOP_EXTRA_S;
  return `[Unit]
Description=${plain(`jobrun: background jobs of ${config.dir}`)}
StartLimitIntervalSec=0

[Service]
Type=notify
# The messages come from systemd-notify, which the daemon starts.
NotifyAccess=all
ExecStart=${command}
WorkingDirectory=${plain(config.dir)}
# Jobs find what node and npm have installed where the daemon does.
Environment=${quoted(`PATH=${dirname(process.execPath)}:${SYSTEM_PATH}`)}
${user ? '' : `User=${userInfo().username}\n`}# The daemon ends its runs itself, each with its grace; what is left after that is killed.
KillMode=mixed
TimeoutStopSec=${stopS}
# Not ticked for a minute: it is killed and started again, and its runs go on.
WatchdogSec=${WATCHDOG_S}
Restart=on-failure
RestartSec=1
# Wrong usage, a daemon that runs already, a state that needs a look: starting again does not help. A full disk ends it
# with 74, and it is started again until there is room.
RestartPreventExitStatus=2 5 8
# A job that takes too much memory is killed alone.
OOMPolicy=continue
LimitNOFILE=65536

[Install]
WantedBy=${user ? 'default.target' : 'multi-user.target'}`;
}

/** A word of a command line: there `$` is expanded too. */
const word = (text: string): string => quoted(text).replaceAll('$', '$$$$');

/** One value, where spaces would part it. */
function quoted(text: string): string {
  const safe = plain(text).replace(/[\\"]/g, '\\$&');
  return /^[\w@%+=:,./$-]+$/.test(safe) ? safe : `"${safe}"`;
}

/** `%` begins what systemd puts in itself; a line cannot be written at all. */
function plain(text: string): string {
  if (!/[\n\r\0]/.test(text)) return text.replaceAll('%', '%%');
  const message = `a unit cannot name ${JSON.stringify(text)}: it has a line break`;
  throw new JobrunError('bad-option', message, 'Rename the folder.');
}
