// Writes catalog.gen.ts from a server's catalogs: node generate-catalog.ts <postgres url> > catalog.gen.ts. Run it when a
// PostgreSQL release brings operators or casts; the rows of the newest supported release serve all (README, "Decisions").

import pg from 'pg'

const operators = '= <> < <= > >= + - * / % ^ |/ ||/ @ & | # ~ << >> || ~~ ~~* !~~ !~~* @> <@ &&'.split(' ')
const functions = (
  'abs array_append array_cat array_length array_ndims array_position array_prepend bool bpchar btrim cardinality ceil ' +
  'ceiling char_length character_length concat concat_ws date float4 float8 floor int2 int4 int8 interval isfinite ' +
  'justify_days justify_hours justify_interval left length like like_escape lower ltrim mod name notlike numeric ' +
  'octet_length position repeat replace reverse right round rtrim sign split_part starts_with strpos substr substring ' +
  'text time timestamp timestamptz timezone trunc upper uuid varchar'
).split(' ')

const source = `case when p.prolang = 12 then replace(p.prosrc, ' ', '') else 'sql' end`

const sections: readonly (readonly [comment: string, name: string, sql: string, values: readonly unknown[]])[] = [
  [
    "pg_type: name, category, 'p' when preferred in it.",
    'typeRows',
    `select concat_ws(' ', typname, typcategory, case when typispreferred then 'p' else '-' end) as line from pg_type
     where typnamespace = 'pg_catalog'::regnamespace and typtype in ('b', 'p', 'r', 'm') and typname !~ '^pg_'
       and (typelem = 0 or typlen > 0 and typcategory <> 'A' or typname in ('int2vector', 'oidvector')) order by oid`,
    [],
  ],
  [
    'pg_operator: name, left type, right type, result type, implementing function (pg_proc.prosrc), volatility.',
    'operatorRows',
    `select concat_ws(' ', o.oprname, coalesce(l.typname, '-'), r.typname, t.typname, ${source}, p.provolatile) as line
     from pg_operator o join pg_proc p on p.oid = o.oprcode left join pg_type l on l.oid = o.oprleft
       join pg_type r on r.oid = o.oprright join pg_type t on t.oid = o.oprresult
     where o.oprname = any ($1) and o.oprnamespace = 'pg_catalog'::regnamespace order by o.oprname, o.oid`,
    [operators],
  ],
  [
    "pg_proc: name, argument types joined by commas (… on the last: variadic), result type, pg_proc.prosrc, volatility, 's' when strict.",
    'functionRows',
    `select concat_ws(' ', p.proname,
       coalesce(nullif(array_to_string(array(select t.typname from unnest(p.proargtypes) with ordinality a (o, n)
         join pg_type t on t.oid = a.o order by n), ','), ''), '-') || case when p.provariadic <> 0 then '…' else '' end,
       r.typname, ${source}, p.provolatile, case when p.proisstrict then 's' else '-' end) as line
     from pg_proc p join pg_type r on r.oid = p.prorettype
     where p.pronamespace = 'pg_catalog'::regnamespace and p.prokind = 'f' and p.proname = any ($1) order by p.proname, p.oid`,
    [functions],
  ],
  [
    "pg_cast: source, target, context (i implicit, a assignment, e explicit), function (pg_proc.prosrc), '-' binary or 'inout', volatility.",
    'castRows',
    `select concat_ws(' ', s.typname, t.typname, c.castcontext,
       case c.castmethod when 'b' then '-' when 'i' then 'inout' else ${source} end, coalesce(p.provolatile, 'i')) as line
     from pg_cast c left join pg_proc p on p.oid = c.castfunc join pg_type s on s.oid = c.castsource
       join pg_type t on t.oid = c.casttarget
     where s.typname !~ '^pg_' and t.typname !~ '^pg_' order by s.typname, t.typname`,
    [],
  ],
]

const client = new pg.Client({ connectionString: process.argv[2] })
await client.connect()
let text =
  "// Facts of PostgreSQL's catalogs, read from a server by generate-catalog.ts: never edited by hand.\n" +
  "// One row a line; fields are separated by a space, '-' is an absent one, '_x' is the array type of x.\n"
for (const [comment, name, sql, values] of sections) {
  const { rows } = await client.query(sql, [...values])
  const lines = (rows as { line: string }[]).map(row => row.line.replaceAll('\\', '\\\\'))
  text += `\n/** ${comment} */\nexport const ${name} = \`\n${lines.join('\n')}\n\`\n`
}
await client.end()
process.stdout.write(text)
