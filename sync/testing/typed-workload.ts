// Shapes of one table with a column of every type and edge values in it, whose clauses are drawn from the whole language
// (shapes/where/random-clauses.ts). What Postgres raises for a row means that the row is not in the shape.
import { randomClause } from '../engine/shapes/where/random-clauses.ts'
import { columnValues } from '../engine/shapes/where/random-columns.ts'
import type { ShapeQuery } from './oracle.ts'
import { below, pick } from './random.ts'
import type { Workload } from './workload.ts'

// Intervals have infinities since 17, and what reads one raises before.
const valuesOf = (name: string): readonly string[] =>
  (columnValues[name]?.[1] ?? []).filter(value => !value.includes('infinity') || name !== 'iv')

const names = Object.keys(columnValues)

const tables = `
  create type mood as enum ('sad', 'ok', 'happy');
  create table typed (id int4 primary key, ${names.map(name => `${name} ${columnValues[name]?.[0] ?? ''}`).join(', ')});
  create function holds(clause text, row_id int4) returns bool language plpgsql as $$
    declare found bool;
    begin
      execute 'select coalesce((' || clause || '), false) from typed where id = ' || row_id into found;
      return found;
    exception when others then return false;
    end $$;
  insert into typed (id) values (0);`

const quote = (text: string) => `'${text.replaceAll("'", "''")}'`

const ids = 30

const value = (random: () => number, name: string): string =>
  random() < 0.15 ? 'null' : quote(pick(random, valuesOf(name)))

const randomShape = (random: () => number): ShapeQuery => {
  let clause = ''
  do clause = randomClause(n => below(random, n))
  while (clause.includes('infinity'))
  return {
    params: { table: 'typed', where: clause, replica: pick(random, ['default', 'full']) },
    sql: `select * from typed where holds(${quote(clause)}, id)`,
    refusable: true,
  }
}

const statement = (random: () => number): string => {
  const id = below(random, ids)
  const some = Array.from({ length: 1 + below(random, 4) }, () => pick(random, names))
  const set = [...new Set(some)].map(name => `${name} = ${value(random, name)}`).join(', ')
  switch (below(random, 8)) {
    case 0:
    case 1:
    case 2:
      return `insert into typed values (${id}, ${names.map(name => value(random, name)).join(', ')}) on conflict (id) do update set ${set}`
    case 3:
      return `delete from typed where id = ${id}`
    default:
      return `update typed set ${set} where id % 5 = ${below(random, 5)}`
  }
}

/** Clauses over every supported type. */
export const typedWorkload: Workload = { tables, randomShape, statement }
