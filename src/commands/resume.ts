// `jobrun resume`: the end of a pause.
import type { Command } from './command.ts';
import { pausing } from './pausing.ts';

export const resume: Command = pausing('resume', false, 'End a pause.', 'Resumed');
