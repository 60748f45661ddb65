// Sends a newsletter to a list of readers, one at a time: an example of parameters, progress, logs and a checkpoint.
// Nothing really leaves the machine; `deliver` stands where a call to a mail service would.
//
//   jobrun schedule send-newsletter -p subject="Spring is here" -p readers=20 --follow
import { defineJob } from 'jobrun';
import { options } from './_options.ts';

export default defineJob({
  description: 'Sends a newsletter to a list of readers (simulated)',
  group: 'examples',
  params: options({ subject: 'News from the workshop', readers: 40, waitMs: 250 }),
  // A mail service allows so many letters; two newsletters at once would share them.
  concurrency: 1,
  retries: { limit: 5, delay: '2s' },

  async run({ subject, readers, waitMs }, ctx) {
    // A reader who has got the letter must not get it twice, so each one is saved before the next.
    const sent = ctx.checkpoint?.sent ?? 0;
    if (sent > 0) ctx.log.info(`going on after ${sent} letters`);
    let bounced = ctx.checkpoint?.bounced ?? 0;
    for (let reader = sent + 1; reader <= readers; reader++) {
      const address = `reader-${reader}@example.org`;
      await ctx.sleep(waitMs);
      if (deliver(address, subject)) {
        ctx.log.info(`sent to ${address}`);
      } else {
        bounced += 1;
        ctx.log.warn(`bounced: ${address}`, { address });
        ctx.result({ address, error: 'mailbox is full' });
      }
      await ctx.save({ sent: reader, bounced });
      ctx.progress((100 * reader) / readers, `${reader} of ${readers} letters`);
    }
    return { sent: readers - bounced, bounced };
  },
});

/** True if the letter was taken. Every thirteenth mailbox is full. */
const deliver = (address: string, _subject: string): boolean =>
  Number(/\d+/.exec(address)) % 13 !== 0;
