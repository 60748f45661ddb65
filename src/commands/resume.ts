// `jobrun resume`: the end of a pause.
import { pausing } from './pause.ts';

export const resume = pausing('resume', false, 'Start paused jobs or schedules again.', 'Resumed');
