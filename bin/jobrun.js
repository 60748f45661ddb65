#!/usr/bin/env node
// Plain old JavaScript down to the import: an old Node has to understand it well enough to say that it is too old.
var version = process.versions.node.split('.');
if (Number(version[0]) < 20 || (Number(version[0]) === 20 && Number(version[1]) < 19)) {
  process.stderr.write(
    // biome-ignore lint/style/useTemplate: an old Node has to understand it
    'error: jobrun needs Node.js 20.19 or newer, this is ' + process.versions.node + '\n',
  );
  process.stderr.write('  Install a newer one: https://nodejs.org\n');
  process.exit(2);
}
import('../dist/cli/main.js').then((cli) => {
  cli.main(process.argv.slice(2));
});
