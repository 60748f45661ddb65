// The disk of who holds the lock of a state folder. Each change asks first whether the folder is still the one that was
// locked: a process that was busy or asleep for long may find another in its place, which is somebody else's.
import type { Disk, DiskFile } from '../support/files.ts';

/** `guard` throws where the lock is lost. */
export function lockedDisk(disk: Disk, guard: () => void): Disk {
  const held =
    <A extends readonly unknown[], T>(change: (...args: A) => Promise<T>) =>
    async (...args: A): Promise<T> => {
      guard();
      return change(...args);
    };
  return {
    read: (path) => disk.read(path),
    pieces: (path) => disk.pieces(path),
    list: (path) => disk.list(path),
    stampOf: (path) => disk.stampOf(path),
    space: (path) => disk.space(path),
    syncFolder: (path) => disk.syncFolder(path),
    makeFolder: held((path) => disk.makeFolder(path)),
    rename: held((from, to) => disk.rename(from, to)),
    remove: held((path) => disk.remove(path)),
    create: held(async (path) => lockedFile(await disk.create(path), guard)),
  };
}

/** An open file stays the one that it was, but what is written to it may be nobody's. */
const lockedFile = (file: DiskFile, guard: () => void): DiskFile => ({
  async write(bytes, position) {
    guard();
    await file.write(bytes, position);
  },
  sync: () => file.sync(),
  truncate: (size) => file.truncate(size),
  isAt: (path) => file.isAt(path),
  close: () => file.close(),
});
