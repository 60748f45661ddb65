// Loaded into a real daemon before its own code (`node --import`): a system on which all watches are taken but as many
// as JOBRUN_TEST_WATCHES says.
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

const { watch } = fs;
let left = Number(process.env.JOBRUN_TEST_WATCHES);

fs.watch = (path, ...rest) => {
  if (left-- > 0) return watch(path, ...rest);
  const message = `ENOSPC: System limit for number of file watchers reached, watch '${path}'`;
  throw Object.assign(new Error(message), { code: 'ENOSPC', syscall: 'watch', path });
};
syncBuiltinESMExports();
