// `npm run simulate -- --seed N --steps M`: plays one seed again, exactly, and prints what happened; `--seeds M` plays
// as many from N on, and prints those that fail; `--weaken` plays them with one protection of jobrun taken out.
import { parseArgs } from 'node:util';
import { STEPS, simulate, simulatedDays } from './simulation.ts';
import { WEAKENINGS } from './weakenings.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    steps: { type: 'string', default: String(STEPS) },
    seeds: { type: 'string' },
    weaken: { type: 'string' },
    last: { type: 'string', default: '60' },
  },
});

const seed = Number(values.seed);
const steps = Number(values.steps);
const weakening = WEAKENINGS.find(({ name }) => name === values.weaken);
if (values.weaken !== undefined && !weakening) {
  console.error(`--weaken is one of: ${WEAKENINGS.map(({ name }) => `"${name}"`).join(', ')}`);
  process.exit(2);
}
const own = weakening ? { weakening } : {};
let failed = 0;
const begin = performance.now();
let ms = 0;
const many = values.seeds === undefined ? 1 : Number(values.seeds);
for (let n = seed; n < seed + many; n++) {
  const verbose = values.seeds === undefined;
  const result = await simulate({ seed: n, steps, verbose, ...own });
  ms += result.simulatedMs;
  for (const line of result.lines.slice(-Number(values.last))) console.log(line);
  if (result.broken.length === 0 && values.seeds !== undefined) continue;
  failed += result.broken.length > 0 ? 1 : 0;
  const { kills, cuts, runs, hash } = result;
  console.log(
    `seed ${n}: ${result.steps} steps, ${runs} runs, ${kills} kills, ${cuts} power cuts, ${hash}`,
  );
  for (const broken of result.broken.slice(0, 3)) console.log(`  ${broken}`);
}
const seconds = (performance.now() - begin) / 1000;
console.log(`${failed} of ${many} failed; ${simulatedDays(ms)} days in ${seconds.toFixed(1)} s`);
process.exit(failed > 0 ? 1 : 0);
