// How jobrun is called in the shell in front of which somebody sits: a package manager finds it where that shell would not, and
// then a line to type begins with the manager's word.
import { ENTRIES } from './entries.ts';

type Env = Readonly<Record<string, string | undefined>>;

/** Null where the shell finds it by itself. */
export function callerIn({ npm_command, npm_config_user_agent = '' }: Env): string | null {
  if (/^(?:yarn|pnpm|bun)\//.test(npm_config_user_agent))
    return /^bun/.test(npm_config_user_agent)
      ? 'bunx'
      : (npm_config_user_agent.split('/')[0] ?? null);
  return npm_command === undefined ? null : 'npx';
}

/** The text with its lines to type as they work in that shell. */
export function asTyped(text: string, env: Env): string {
  const caller = callerIn(env);
  if (caller === null || !text.includes('jobrun ')) return text;
  const names = ENTRIES.flatMap(({ name, aliases = [] }) => [name, ...aliases]).join('|');
  return text.replace(
    new RegExp(`(?<![\\w/.-])jobrun (?=(?:${names})\\b)`, 'g'),
    `${caller} jobrun `,
  );
}
