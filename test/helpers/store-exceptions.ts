// What of the tests says nothing where they are run on a store (on-store.ts), and why.

/** Whole files, by what their paths hold. */
export const FILES: Readonly<Record<string, string>> = {
  'end-to-end/cluster': 'it has stores of its own',
  'end-to-end/store-': 'it has stores of its own',
  'end-to-end/odd-records': 'it writes records into state/',
  'end-to-end/doctor.test': 'it damages files of state/; store-doctor.test.ts is about a store',
  'end-to-end/removed-files': 'it removes files of state/',
  'end-to-end/copied-state': 'it copies state/',
  'end-to-end/full-start': 'it fills the disk of state/',
  'end-to-end/typed-command': 'a store takes no typed command: store-no-daemon.test.ts',
  'outside/shared': 'it has stores of its own',
  'http/search': 'it writes runs into state/',
  'end-to-end/upgrade': 'it starts from a state/ of an earlier version',
};

/** Single tests, by a part of their names. */
export const TESTS: Readonly<Record<string, string>> = {
  'a state folder that others may write to': 'without a daemon a store needs no state/',
  'folders of another user': 'without a daemon a store needs no state/',
  'a file or a folder in the place of the socket': 'without a daemon a store needs no state/',
  'another program on the socket is told': 'without a daemon a store needs no state/',
  'a state folder, or a folder in it, that is a link': 'without a daemon a store needs no state/',
  'of the terminal that it logs to stops it cleanly': 'it reads leases in state/locks.json',
  'garbage, huge lengths and frames':
    'it compares all of status, which tells how long ago a lease was renewed',
  'each mistake says what is wrong':
    'import into what is not empty has another code and hint for a store',
  'a mistake in the config is told of the config': 'it counts the checks of doctor for files',
  'a run that a killed daemon left running':
    'what leaves its group outlives a daemon on files alone: on a store the reaper ends it',
  'before the first request of events':
    'on a store they tell of what any host changes, with a daemon or without one',
  'more params than fit are refused':
    'a store holds what waits: the memory of a daemon is no limit of it',
  'a result and the start that takes its place are one commit': 'it counts lines in state/journal',
  'an abort that comes while onError is asked about a shared': 'it looks into state/journal',
  'a run whose daemon was killed shows when it was last known':
    'a killed daemon is believed alive until its lease is over',
  'and does not come back': 'a killed daemon is believed alive until its lease is over',
};
