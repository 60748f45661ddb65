// What the disk is asked for, and what it cannot do.
import { expect, test } from 'vitest';
import { realDisk } from '../../src/support/files.ts';
import { platform } from '../helpers/platform.ts';

// procfs refuses the sync of a folder as CIFS and sshfs do: EINVAL.
test.runIf(platform.hasProc)(
  'a file system that cannot sync folders is named as such, with where the state can be kept',
  async () => {
    await expect(realDisk.syncFolder('/proc/self')).rejects.toMatchObject({
      code: 'state-unsafe',
      message: expect.stringMatching(/the file system of .proc.self cannot sync folders .*EINVAL/),
      hint: expect.stringContaining('--state-dir'),
    });
    await expect(realDisk.syncFolder('/nowhere')).rejects.toMatchObject({ code: 'ENOENT' });
  },
);
