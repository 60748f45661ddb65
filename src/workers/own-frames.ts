// Stack traces without the frames of jobrun itself: what a job did wrong is shown where the job did it.
import { fileURLToPath } from 'node:url';

const OWN = new URL('..', import.meta.url);
const PLACES = [OWN.href, fileURLToPath(OWN)];
const FRAME = /^\s+at /;

const NODE_FRAME = /^\s+at .*\bnode:internal\//;

const isOwnFrame = (line: string): boolean =>
  FRAME.test(line) && PLACES.some((place) => line.includes(place));

/**
 * The stack of something that job code threw or met. Ours stay where nothing else tells what happened: an error that is
 * not of jobrun's kind and arose in jobrun is a defect of ours.
 *
 * @param refused jobrun itself threw it, to refuse what the job asked
 */
export function withoutOwnFrames(stack: string, refused: boolean): string {
  const lines = stack.split('\n');
  const first = lines.find((line) => FRAME.test(line));
  if (!refused && first !== undefined && isOwnFrame(first)) return stack;
  // Node's frames lie between ours and those of the job.
  const isNoise = (line: string): boolean => isOwnFrame(line) || (refused && NODE_FRAME.test(line));
  return lines.filter((line) => !isNoise(line)).join('\n');
}
