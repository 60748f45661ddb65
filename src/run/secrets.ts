// Params that the config asks to hide (`redact`). Views of a run hide them by name. And their values are kept out of
// what a job says with them: its log, its progress and its errors, before any of it is written down. Its saved values
// and its output are its own, and stay as they are.
import { inspect } from 'node:util';
import type { Json } from '../support/json.ts';

/** Replaces the hidden values in texts, at any depth. */
export type Mask = <T extends Json>(value: T) => T;

const HIDDEN = '***';
/** Shorter ones stand in every other word: hiding them would say more than it hides. */
const SHORTEST = 4;
/** The same for a part of one, and for one that is encoded. */
const SHORTEST_PART = 8;

/** A function that hides the values of these params; null if there is nothing to hide. */
export function maskOf(params: Json, names: readonly string[]): Mask | null {
  const secrets = names.length === 0 ? [] : secretsIn(params, new Set(names), false);
  const texts = secrets.filter((text) => text.length >= SHORTEST).flatMap(writings);
  // The longest first: one may be a part of another.
  const ordered = [...new Set(texts)].sort((a, b) => b.length - a.length);
  if (ordered.length === 0) return null;
  const hide = (text: string): string =>
    ordered.reduce((left, secret) => left.replaceAll(secret, HIDDEN), text);
  const hidden = new Set(names);
  return (value) => masked(value, hide, hidden) as typeof value;
}

function secretsIn(value: Json, names: ReadonlySet<string>, hidden: boolean): string[] {
  if (value === null || typeof value !== 'object')
    return hidden && value !== null && typeof value !== 'boolean' ? [String(value)] : [];
  if (Array.isArray(value)) return value.flatMap((inner) => secretsIn(inner, names, hidden));
  return Object.entries(value).flatMap(([name, inner]) =>
    secretsIn(inner, names, hidden || names.has(name)),
  );
}

/** How a secret may stand in a text: whole or a line of it, and each of these as it is or encoded. */
function writings(secret: string): string[] {
  const lines = secret.split(/\r?\n/).map((line) => line.trim());
  const parts = lines.filter((line) => line.length >= SHORTEST_PART);
  return [secret, ...parts].flatMap((text) => [text, ...quoted(text), ...inBase64(text)]);
}

/** In JSON, in JSON inside of JSON, as the console shows an object, in an address, in a form. */
function quoted(text: string): string[] {
  const inJson = JSON.stringify(text).slice(1, -1);
  const inForm = new URLSearchParams([['', text]]).toString().slice(1);
  return [
    inJson,
    JSON.stringify(inJson).slice(1, -1),
    inspect(text, { breakLength: Infinity, maxStringLength: null }).slice(1, -1),
    encodeURIComponent(text.toWellFormed()),
    inForm,
  ];
}

/** Its letters depend on where it begins: what all texts around it have in common, for each of the three places. */
function inBase64(text: string): string[] {
  const bytes = Buffer.from(text);
  const codes = [0, 1, 2].flatMap((before) => {
    const code = Buffer.concat([Buffer.alloc(before), bytes]).toString('base64url');
    const isCut = (before + bytes.length) % 3 !== 0;
    const own = code.slice(before === 0 ? 0 : before + 1, isCut ? -1 : undefined);
    return [own, own.replaceAll('-', '+').replaceAll('_', '/')];
  });
  return codes.filter((code) => code.length >= SHORTEST_PART);
}

/** Shows `***` for the values of these names, at any depth. */
export const hideParams = (params: Json, names: readonly string[]): Json =>
  masked(params, (text) => text, new Set(names));

function masked(value: Json, hide: (text: string) => string, names: ReadonlySet<string>): Json {
  if (typeof value === 'string') return hide(value);
  if (value === null || typeof value !== 'object') return value;
  if (Array.isArray(value)) return value.map((inner) => masked(inner, hide, names));
  const entries = Object.entries(value).map(([name, inner]): [string, Json] => [
    name,
    names.has(name) ? HIDDEN : masked(inner, hide, names),
  ]);
  return Object.fromEntries(entries);
}
