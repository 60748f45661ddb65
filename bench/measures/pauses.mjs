// How long the daemons' loops stood still in all that was measured before.
import { row } from '../rows.mjs';
import { pauses } from '../site.mjs';

export async function longestPauses() {
  const worst = (name) => pauses.toSorted((a, b) => b[name] - a[name])[0];
  const line = (id, what, name, most) => {
    const { workload, [name]: figure } = worst(name);
    return row({ id, what: `${what} (${workload})`, figure, unit: 'ms', target: { most } });
  };
  return pauses.length === 0
    ? []
    : [
        line('pause-p99', "pause of the daemon's loop, p99 of the worst workload", 'p99', 20),
        line('pause-max', "longest pause of the daemon's loop", 'max', 100),
      ];
}
