// docs/command-line.md, made from the program's own help: nobody writes it, and it cannot say other than the program.
import { Command as Program } from 'commander';
import { ENTRIES } from '../../src/cli/entries.ts';
import { define, generalOptions } from '../../src/cli/program.ts';

const WIDTH = 100;

const HEAD = `# The command line

Made from \`jobrun --help\` and the help of each command by \`npm run docs\`. Exit codes are in [Errors](errors.md), times in
[Schedules](schedules.md), settings and variables in [Configuration](configuration.md).

Results are on stdout, talk is on stderr. With \`--json\` there is exactly one document on stdout (streams: one object a line), and an
error is one on stderr. Instants are UTC ISO texts, durations milliseconds; fields are never renamed or removed.
`;

/** The page as it has to be. */
export async function commandPage(): Promise<string> {
  const groups = [...new Set(ENTRIES.map(({ group }) => group))];
  const parts = [HEAD, `## General options\n\n${generalTable()}`];
  for (const group of groups) {
    parts.push(`## ${group.replace(/:$/, '')}\n`);
    for (const entry of ENTRIES.filter((one) => one.group === group)) {
      const command = await entry.load();
      const program = new Program(entry.name).configureHelp({ helpWidth: WIDTH });
      program.aliases(entry.aliases ?? []);
      define(command, program);
      const own = generalOptions().map(({ long }) => long);
      program.configureHelp({
        helpWidth: WIDTH,
        visibleOptions: (shown) =>
          shown.options.filter(({ long, hidden }) => !hidden && !isShared(long, own, shown)),
      });
      parts.push(`### ${entry.name}\n\n\`\`\`\n${helpOf(program)}\n\`\`\`\n`);
    }
  }
  return `${parts.join('\n').trimEnd()}\n`;
}

/** A general option, and not the command's own of the same name. */
function isShared(
  long: string | undefined,
  general: readonly unknown[],
  program: Program,
): boolean {
  const option = program.options.find((one) => one.long === long);
  return (
    general.includes(long) && option?.helpGroupHeading === generalOptions()[0]?.helpGroupHeading
  );
}

function generalTable(): string {
  const rows = generalOptions().map(
    ({ flags, description }) => `| \`${flags}\` | ${description} |`,
  );
  return ['| | |', '|---|---|', ...rows, ''].join('\n');
}

function helpOf(program: Program): string {
  let text = '';
  program.configureOutput({ writeOut: (part) => (text += part) });
  program.outputHelp();
  return text
    .replace(/^Usage: /, 'jobrun ')
    .replace(/\n+Options:\n(?=\n|$)/, '\n')
    .trimEnd();
}
