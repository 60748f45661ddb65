// What may lie in a state folder, each by its name. What a file holds says the module that writes it.

export type Kind = 'file' | 'folder' | 'socket';

/** `aside` comes first: what stands in the place of another is moved there. */
export const FOLDERS = ['aside', 'runs', 'journal', 'logs'] as const;

/** Written anew by a fold, the manifest last: where it is, the others are. */
export const DOCUMENTS = ['schedules.json', 'locks.json', 'manifest.json'] as const;

/** What is damage if it is something else. Documents say so themselves if they are read. */
export const KINDS: ReadonlyMap<string, Kind> = new Map<string, Kind>([
  ['lock', 'file'],
  ['witness', 'file'],
  ['reserve', 'file'],
  ['jobrun.sock', 'socket'],
  ...FOLDERS.map((name) => [name, 'folder'] as const),
]);
