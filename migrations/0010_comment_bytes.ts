// How many bytes each comment has, so that its task's or document's sum is read without unpacking the texts of all.
import type { Kysely } from 'kysely'
import { runAll } from './helpers.ts'

export const up = (db: Kysely<unknown>): Promise<void> =>
  runAll(db, [
    `create function count_body_bytes() returns trigger language plpgsql as $$
     begin
       new.body_bytes := coalesce(octet_length(new.body::text), 0);
       return new;
     end $$`,
    ...['comments', 'document_comments'].flatMap(table => [
      `alter table ${table} add column body_bytes int not null default 0`,
      `update ${table} set body_bytes = octet_length(body::text) where body is not null`,
      `create trigger count_body_bytes before insert or update of body on ${table}
         for each row execute function count_body_bytes()`,
    ]),
  ])
