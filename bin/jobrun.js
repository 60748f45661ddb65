#!/usr/bin/env node
// Plain old JavaScript down to the import: an old Node has to understand it well enough to say that it is too old.
var version = process.versions.node.split('.');
var major = Number(version[0]);
var minor = Number(version[1]);
if (major < 20 || major === 21 || (major === 20 && minor < 19) || (major === 22 && minor < 3)) {
  process.stderr.write(
    // biome-ignore lint/style/useTemplate: an old Node has to understand it
    'error: jobrun needs Node.js 20.19, 22.3 or newer, this is ' + process.versions.node + '\n',
  );
  process.stderr.write('  Install a newer one: https://nodejs.org\n');
  process.exit(2);
}
require('../dist/cli/main.cjs').main(process.argv.slice(2));
