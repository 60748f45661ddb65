// `jobrun pause`: nothing new starts; the queue keeps accepting.
import { pausing } from './pausing.ts';

const does = 'Start nothing new, until `jobrun resume`; what is asked for is kept.';

export const pause = pausing('pause', true, does, 'Paused');
