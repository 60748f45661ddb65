// The other end of a bare round trip: `socket <path>` answers each line that it gets over a Unix socket, `durable
// <path> <file>` appends and syncs it before, `pipe` answers on descriptor 3.
import { fdatasyncSync, openSync, writeSync } from 'node:fs';
import { createServer, Socket } from 'node:net';

const [kind, path, target] = process.argv.slice(2);

function answer(socket, before) {
  let held = '';
  socket.on('data', (chunk) => {
    const lines = (held + chunk).split('\n');
    held = lines.pop();
    for (const line of lines) {
      before(line);
      socket.write(`${line}\n`);
    }
  });
  socket.on('end', () => process.exit(0));
  socket.on('error', () => process.exit(0));
}

if (kind === 'pipe') answer(new Socket({ fd: 3 }), () => undefined);
else {
  const file = kind === 'durable' ? openSync(target, 'w') : null;
  const before = (line) => {
    if (file === null) return;
    writeSync(file, `${line}\n`);
    fdatasyncSync(file);
  };
  createServer((socket) => answer(socket, before)).listen(path, () => console.log('ready'));
}
