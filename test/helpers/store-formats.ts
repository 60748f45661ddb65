// Stores as earlier versions have made them.
import { draft, T0 } from './engine-values.ts';
import { freshStore, query } from './postgres.ts';
import { openStore } from './postgres-engine.ts';

/** A store of format 1, which has a run. */
export async function storeOfFormat1(
  options: Parameters<typeof freshStore>[0] = {},
): Promise<string> {
  const url = await freshStore(options);
  const { engine, close } = await openStore(url);
  await engine.accept([draft(1)], T0);
  await close();
  await query(url, 'delete from member');
  await query(
    url,
    `drop table log, log_writer;
    create table log (run bigint not null, first bigint not null, lines integer not null, attempt integer not null,
      bytes integer not null, body text not null, primary key (run, first));
    create table result (run bigint not null, first bigint not null, rows integer not null,
      bytes integer not null, body text not null, primary key (run, first));
    alter table meta drop column bytes;
    update meta set format = 1`,
  );
  return url;
}
