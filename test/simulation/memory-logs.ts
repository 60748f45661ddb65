// The logs of runs, where there are no files: nothing is promised of them, and nothing is kept.
import type { AttemptLogs } from '../../src/daemon/attempt.ts';
import type { RunLogs } from '../../src/engine/run-log.ts';
import type { LogLine } from '../../src/run/view.ts';

export class MemoryLogs implements AttemptLogs, RunLogs {
  begin(): void {}
  append(): void {}

  row(): boolean {
    return true;
  }

  async flush(): Promise<void> {}
  async close(): Promise<void> {}
  async remove(): Promise<void> {}

  async lines(): Promise<LogLine[]> {
    return [];
  }

  async rows(): Promise<readonly []> {
    return [];
  }

  async *follow(): AsyncIterable<LogLine> {}
}
