// How it goes, above the list of runs: workers, what waits, what failed, and how many runs ended in each of the last
// minutes.
import type { Status, Throughput } from '../commands/shared/replies.ts';
import { count, showCount } from '../support/text.ts';

export function Pulse({ status }: { readonly status: Status }) {
  const { workers, counts, overview, broken, paused, hosts } = status;
  const jobs = overview?.jobs ?? 0;
  return (
    <dl class="panel pulse">
      <div>
        <dt>Workers</dt>
        <dd>
          {workers.busy}{' '}
          <small>
            of {workers.total} busy{hosts.length > 1 && ` on ${hosts.length} hosts`}
          </small>
          <Slots {...workers} />
        </dd>
      </div>
      <Fact name="Queued" value={counts.queued} under={`${showCount(counts.waiting)} waiting`} />
      <Fact
        name="Due later"
        value={counts.scheduled}
        under={paused.all ? 'all jobs are paused' : count(jobs, 'job')}
      />
      <Fact
        name="Failed"
        value={counts.failed}
        under={
          broken.length > 0
            ? `${count(broken.length, 'job')} broken`
            : `${showCount(counts.aborted)} aborted`
        }
      />
      {overview && <Minutes {...overview.throughput} />}
    </dl>
  );
}

interface FactProps {
  readonly name: string;
  readonly value: number;
  readonly under: string;
}

function Fact({ name, value, under }: FactProps) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>
        {showCount(value)}
        <small class="under">{under}</small>
      </dd>
    </div>
  );
}

const MOST_SLOTS = 16;

function Slots({ busy, total }: Status['workers']) {
  const shown = Math.min(total, MOST_SLOTS);
  const on = total === 0 ? 0 : Math.ceil((busy / total) * shown);
  return (
    <div class="slots" aria-hidden="true">
      {Array.from({ length: shown }, (_, i) => (
        <i class={i < on ? 'on' : ''} />
      ))}
    </div>
  );
}

const HEIGHT = 44;

/** Bars stand for runs that ended, their lower part for those that failed. A minute that was not counted has none. */
function Minutes({ ended, failed }: Throughput) {
  const most = Math.max(4, ...ended.map((n) => n ?? 0));
  const wide = 100 / ended.length;
  const last = ended.at(-1) ?? 0;
  const told = ended.map((n) => n ?? 'unknown').join(', ');
  return (
    <div class="chart">
      <dt>Ended a minute</dt>
      <dd>
        {showCount(last)} <small>this minute</small>
      </dd>
      <dd class="draw">
        <svg
          viewBox={`0 0 100 ${HEIGHT}`}
          preserveAspectRatio="none"
          role="img"
          aria-label={`Runs ended in each of the last ${ended.length} minutes: ${told}`}
        >
          {ended.map((n, i) => {
            const tall = ((n ?? 0) / most) * (HEIGHT - 2);
            const bad = ((failed[i] ?? 0) / most) * (HEIGHT - 2);
            const at = { x: i * wide + wide * 0.1, width: wide * 0.8 };
            return (
              <g>
                <rect class="none" {...at} y={HEIGHT - 1} height={1} />
                <rect class="ok" {...at} y={HEIGHT - tall} height={tall} />
                <rect class="bad" {...at} y={HEIGHT - bad} height={bad} />
              </g>
            );
          })}
        </svg>
      </dd>
    </div>
  );
}
