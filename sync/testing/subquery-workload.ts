// Random shapes with subqueries and random writers over few values, so that everything meets everything: NULLs, rows that
// come several times, changes of both sides in one transaction, subqueries in subqueries and over the same table.
import type { ShapeQuery } from './oracle.ts'
import { below, pick } from './random.ts'
import type { Workload } from './workload.ts'

const tables = `
  create table things (id int primary key, a int, b int not null, t text);
  create table links (k int, g int);
  create table pairs (k int not null, g int not null, x text, primary key (k, g));
  create table mids (id int primary key, p int, open bool not null);
  create table codes (id int generated always as identity primary key, c char(4), n numeric)`

const groups = 3
const values = 8
const ids = 40

const links = (random: () => number) => `select k from links where g = ${below(random, groups)}`
const pairs = (random: () => number) => `select k from pairs where g = ${below(random, groups)}`
const mids = (random: () => number) =>
  pick(random, [
    `select id from mids where open and p in (${pairs(random)})`,
    `select id from mids where p in (${links(random)}) or open`,
    `select id from mids where p not in (${links(random)})`,
    `select id from mids m where not open and m.p not in (${pairs(random)})`,
    `select p from mids where id in (select id from mids where open and p in (${pairs(random)}))`,
  ])

const positive = (random: () => number): string =>
  pick(random, [
    () => `a in (${links(random)})`,
    () => `b in (${pairs(random)})`,
    () => `a in (${mids(random)})`,
    () => `(a, b) in (select k, g from pairs)`,
    () => `t in (select x from pairs where g = ${below(random, groups)})`,
    () => `a in (select b from things where t like 'a%')`,
    () => `b in (select a from things)`,
    () => `t::text = 'none' or a in (${pairs(random)})`,
  ])()

const negative = (random: () => number): string =>
  pick(random, [
    () => `b not in (${pairs(random)})`,
    () => `a not in (${pairs(random)})`,
    () => `b not in (select id from mids where p in (${pairs(random)}))`,
    () => `(b, id) not in (select k, g from pairs)`,
    () => `not (a in (select k from pairs where 0 + g = ${below(random, groups)}) and t like 'a%')`,
  ])()

const plain = (random: () => number): string =>
  pick(random, [`t like 'a%'`, 't is null', `b > ${below(random, values)}`, 'a = b', `a in (1, 2, 3)`])

const clause = (random: () => number): string =>
  pick(random, [
    () => positive(random),
    () => positive(random),
    () => negative(random),
    () => `(${positive(random)}) and ${plain(random)}`,
    () => `(${positive(random)}) or ${plain(random)}`,
    () => `(${positive(random)}) and (${positive(random)})`,
    () => `(${positive(random)}) or (${negative(random)} and ${plain(random)})`,
    () => `((${positive(random)}) or ${plain(random)}) and ((${positive(random)}) or ${plain(random)})`,
  ])()

/** Both ways round in one clause is refused. */
const accepted = (where: string) => {
  const found = [...where.matchAll(/(not )?in \((select [^()]*)\)/g)].map(match => [match[2], match[1] ?? ''] as const)
  return found.every(([text, way]) => found.every(([other, its]) => other !== text || its === way))
}

const randomShape = (random: () => number): ShapeQuery => {
  const replica = pick(random, ['default', 'full'])
  // A NULL among the values of a NOT IN changes everything at once.
  if (random() < 0.08) {
    const where = `b not in (${links(random)})`
    return { params: { table: 'things', where, replica }, sql: `select * from things where ${where}`, endsBySelf: true }
  }
  if (random() < 0.1) {
    const where = pick(random, ['c in (select c from codes where n > 3)', 'n in (select n from codes where c is null)'])
    return { params: { table: 'codes', where, replica }, sql: `select * from codes where ${where}` }
  }
  let where = clause(random)
  while (!accepted(where)) where = clause(random)
  const columns = random() < 0.3 ? 'id,t' : null
  return {
    params: { table: 'things', where, replica, ...(columns === null ? {} : { columns }) },
    sql: `select ${columns ?? '*'} from things where ${where}`,
  }
}

const orNull = (random: () => number, limit: number) => (random() < 0.15 ? 'null' : String(below(random, limit)))
const text = (random: () => number) => pick(random, ['null', "'a'", "'ab'", "'b'"])

const statement = (random: () => number): string => {
  const id = below(random, ids)
  const k = below(random, values)
  const g = below(random, groups)
  switch (below(random, 20)) {
    case 0:
    case 1:
    case 2:
      return `insert into things values (${id}, ${orNull(random, values)}, ${k}, ${text(random)}) on conflict (id) do update set a = excluded.a, t = excluded.t`
    case 3:
      return `update things set a = ${orNull(random, values)} where id = ${id}`
    case 4:
      return `update things set b = ${k}, t = ${text(random)} where id % 5 = ${below(random, 5)}`
    case 5:
      return `delete from things where id = ${id}`
    case 6:
      return `update things set id = ${below(random, ids)} where id = ${id} and not exists (select 1 from things where id = ${below(random, ids)})`
    case 7:
      return `delete from things where a = ${k}`
    case 8:
    case 9:
      return `insert into links values (${random() < 0.03 ? 'null' : k}, ${g})`
    case 10:
      return `delete from links where k = ${k} and g = ${g} or k is null`
    case 11:
      return `update links set g = ${g} where ctid = (select min(ctid) from links where k = ${k})`
    case 12:
    case 13:
      return `insert into pairs values (${k}, ${g}, ${text(random)}) on conflict (k, g) do update set x = excluded.x`
    case 14:
      return `delete from pairs where k = ${k}${random() < 0.5 ? ` and g = ${g}` : ''}`
    case 15:
      return `delete from pairs where g = ${g}`
    case 16:
    case 17:
      return `insert into mids values (${k}, ${orNull(random, values)}, ${pick(random, ['true', 'false'])}) on conflict (id) do update set p = excluded.p, open = excluded.open`
    case 18:
      return `delete from mids where id = ${k}`
    default:
      return pick(random, [
        `insert into codes (c, n) values (${pick(random, ["'a'", "'ab'", 'null'])}, ${pick(random, ['3.50', '4', '4.0', '5', 'null'])})`,
        `update codes set n = n + 1.0 where c = 'a' and n < 9`,
        `delete from codes where n > 5 or c is null`,
      ])
  }
}

/** Shapes with subqueries. */
// Values move in each transaction, and after each kill all of them are worked out anew: writers that do not breathe would
// only show how far an engine can be left behind.
export const subqueryWorkload: Workload = { tables, randomShape, statement, paceMs: 15 }
