// A process of its own that takes the lock of a state folder, says how that went, and holds it until it is ended.
import { lockState } from '../../src/store/lock.ts';
import { systemClock } from '../../src/support/clock.ts';

const [dir = '', kind = 'daemon'] = process.argv.slice(2);
try {
  await lockState(dir, kind as 'daemon' | 'command', systemClock);
  process.stdout.write('held\n');
  setInterval(() => undefined, 60_000);
} catch (error) {
  process.stdout.write(`${(error as { code?: string }).code}\n`);
}
