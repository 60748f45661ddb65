// The same few things on each peer: put jobs in, one or many at a call, and work them off, a hundred at once. As their
// own documents say it is done fastest, with nothing less durable.

const QUEUE = 'bench';

const bullmq = {
  server: 'redis',
  load: () => import('bullmq'),
  async producer(connection) {
    const { Queue } = await import('bullmq');
    const queue = new Queue(QUEUE, { connection });
    return {
      one: (data) => queue.add(QUEUE, data),
      many: (list) => queue.addBulk(list.map((data) => ({ name: QUEUE, data }))),
      close: () => queue.close(),
    };
  },
  async consumer(connection, ended) {
    const { Worker } = await import('bullmq');
    const worker = new Worker(QUEUE, async () => null, { connection, concurrency: 100 });
    worker.on('completed', () => ended(1));
    return () => worker.close();
  },
};

const graphile = {
  server: 'postgres',
  load: () => import('graphile-worker'),
  async producer(connectionString) {
    const { makeWorkerUtils } = await import('graphile-worker');
    const { default: pg } = await import('pg');
    const pgPool = new pg.Pool({ connectionString, max: 20 });
    pgPool.on('error', () => undefined);
    pgPool.on('connect', (client) => client.on('error', () => undefined));
    const utils = await makeWorkerUtils({ pgPool, logger: await quiet() });
    await utils.migrate();
    return {
      one: (data) => utils.addJob(QUEUE, data),
      many: (list) => utils.addJobs(list.map((payload) => ({ identifier: QUEUE, payload }))),
      async close() {
        await utils.release();
        await pgPool.end();
      },
    };
  },
  async consumer(connectionString, ended) {
    const { run } = await import('graphile-worker');
    const worker = { completeJobBatchDelay: 0, failJobBatchDelay: 0, localQueue: { size: 500 } };
    const runner = await run({
      connectionString,
      concurrency: 100,
      maxPoolSize: 20,
      noHandleSignals: true,
      logger: await quiet(),
      preset: { worker },
      taskList: { [QUEUE]: async () => undefined },
    });
    runner.events.on('job:complete', () => ended(1));
    return () => runner.stop();
  },
};

async function quiet() {
  const { Logger } = await import('graphile-worker');
  return new Logger(() => () => undefined);
}

const pgboss = {
  server: 'postgres',
  load: () => import('pg-boss'),
  async producer(connectionString) {
    const { default: PgBoss } = await import('pg-boss');
    const boss = new PgBoss({ connectionString, max: 20 });
    boss.on('error', () => undefined);
    await boss.start();
    await boss.createQueue(QUEUE);
    return {
      one: (data) => boss.send(QUEUE, data),
      many: (list) => boss.insert(list.map((data) => ({ name: QUEUE, data }))),
      close: () => boss.stop({ graceful: false, wait: true }),
    };
  },
  async consumer(connectionString, ended) {
    const { default: PgBoss } = await import('pg-boss');
    const boss = new PgBoss({ connectionString, max: 20, supervise: false, schedule: false });
    boss.on('error', () => undefined);
    await boss.start();
    let going = true;
    const loop = (async () => {
      while (going) {
        const jobs = await boss.fetch(QUEUE, { batchSize: 100 });
        if (jobs.length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
        else
          await boss.complete(
            QUEUE,
            jobs.map(({ id }) => id),
          );
        ended(jobs.length);
      }
    })();
    return async () => {
      going = false;
      await loop;
      await boss.stop({ graceful: false, wait: true });
    };
  },
};

export const PEERS = { BullMQ: bullmq, 'graphile-worker': graphile, 'pg-boss': pgboss };
