// The way in which jobrun is called in the user's shell. A package manager finds it where that shell would not, so a
// line to type begins with the manager's word.

type Env = Readonly<Record<string, string | undefined>>;

/** Null where the shell finds it by itself. */
export function callerIn({ npm_command, npm_config_user_agent = '' }: Env): string | null {
  if (/^(?:yarn|pnpm|bun)\//.test(npm_config_user_agent))
    return /^bun/.test(npm_config_user_agent)
      ? 'bunx'
      : (npm_config_user_agent.split('/')[0] ?? null);
  return npm_command === undefined ? null : 'npx';
}

/**
 * The text with its lines to type as they work in that shell. `words` are those that follow `jobrun` in such a line.
 */
export function asTyped(text: string, env: Env, words: readonly string[]): string {
  const caller = callerIn(env);
  if (caller === null || !text.includes('jobrun ')) return text;
  return text.replace(
    new RegExp(`(?<![\\w/.-])jobrun (?=(?:${words.join('|')})\\b)`, 'g'),
    `${caller} jobrun `,
  );
}
