// Loaded into a daemon beside its own code: looks every millisecond how late its loop comes. The longest wait, and the
// longest one that the process itself spent computing (the machine may be busy with others), stand in milliseconds in
// the file that LOOP_PROBE names, always up to date within half a second.
import { renameSync, writeFileSync } from 'node:fs';

const file = process.env.LOOP_PROBE;
delete process.env.LOOP_PROBE;
if (file) {
  let [longest, own] = [0, 0];
  let at = 0;
  let cpu = 0;
  const cpuNow = () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1000;
  };
  const look = () => {
    const [wall, used] = [performance.now() - at, cpuNow() - cpu];
    longest = Math.max(longest, wall);
    own = Math.max(own, Math.min(wall, used));
    at = performance.now();
    cpu = cpuNow();
  };
  // Loading the code is no pause of a loop that serves.
  setTimeout(() => {
    at = performance.now();
    cpu = cpuNow();
    setInterval(look, 1).unref();
  }, 1500).unref();
  setInterval(() => {
    writeFileSync(`${file}.new`, JSON.stringify({ longest, own }));
    renameSync(`${file}.new`, file);
  }, 500).unref();
}
