// What the help of every command has: options that several of them share, and examples.
import type { Syntax } from './command.ts';

/** Each is what stands after `jobrun`. */
export function examples(program: Syntax, ...lines: readonly string[]): void {
  const text = lines.map((line) => `  jobrun ${line}`).join('\n');
  program.addHelpText('after', `\nExamples:\n${text}`);
}

export const gather = (value: string, before: readonly string[] = []): readonly string[] => [
  ...before,
  value,
];

export function paramOptions(program: Syntax): void {
  program
    .option('-p, --param <name=text>', 'one param; name:=json for other than text', gather)
    .option('--params <json|@file|->', 'all params, as JSON, from a file or from stdin');
}

export function timeOptions(program: Syntax): void {
  program
    .option(
      '--at <time>',
      'when: now, 18:30, 6pm, tomorrow 9:00, friday 5pm, 1 dec 9:00, 2026-12-01 18:30, in 20m, @seconds',
    )
    .option('--in <duration>', 'how long from now: 90s, 20m, 1h30m, 2d')
    .option('--tz <zone>', "the zone of what is typed; default: the config's, else the shell's");
}
