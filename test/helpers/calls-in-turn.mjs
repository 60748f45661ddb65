// The command line several times in one process, as it is built: for many short calls whose start would take longer
// than all that they do. The words of each call stand in a file as JSON; what each printed, and its exit code, are
// printed as JSON.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const [bin, calls] = process.argv.slice(2);
const program = createRequire(bin)('../dist/cli/main.cjs');
const print = process.stdout.write.bind(process.stdout);
// Each call listens for itself, and expects to end with its process.
for (const stream of [process.stdout, process.stderr, process]) stream.setMaxListeners(0);

const results = [];
for (const words of JSON.parse(readFileSync(calls, 'utf8'))) {
  const begin = performance.now();
  const printed = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'])
    process[name].write = (text, ...rest) => {
      printed[name] += text;
      rest.find((one) => typeof one === 'function')?.();
      return true;
    };
  const code = await new Promise((resolve) => {
    process.exit = resolve;
    // A daemon that is detached is started as this says.
    process.argv = [process.execPath, bin, ...words];
    program.main(words);
  });
  results.push({ code, ...printed, ms: performance.now() - begin });
}
print(JSON.stringify(results));
