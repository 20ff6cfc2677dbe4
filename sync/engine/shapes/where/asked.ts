// What only PostgreSQL can compute: order under its collations, powers as its C library rounds them, its time zones. The
// predicate throws a question, the stream has it answered and evaluates the row again. Answers are kept, so a value is
// asked for once; every such function is immutable.

import { EvaluationError } from './errors.ts'
import { sqlType } from './sql.ts'
import { type Expr, type Implementation, partsOf } from './tree.ts'
import { typeInfo, type TypeName } from './types.ts'
import type { Value } from './values.ts'

/** A query of one row and one column, for a session with the settings of where.ts. */
export interface Question {
  readonly sql: string
  /** text of $1, $2, … */
  readonly values: readonly string[]
  /** Takes the answer as text; undefined when PostgreSQL raises for these values (SQLSTATE class 22 or 42). */
  readonly settle: (answer: string | null | undefined) => void
}

/** Thrown by a predicate that cannot decide a row before its question is settled. */
export class Unanswered extends Error {
  override readonly name = 'Unanswered'
  readonly question: Question

  constructor(question: Question) {
    super('PostgreSQL has to be asked')
    this.question = question
  }
}

/** How a call is written. */
export interface CallForm {
  readonly form: 'operator' | 'function'
  readonly name: string
}

/** Answers that one call keeps; more questions than that for one row are too many (transactions.ts). */
const keptAnswers = 4096

const questionSql = (
  { form, name }: CallForm,
  args: readonly TypeName[],
  result: TypeName,
  collation: string | undefined,
): string => {
  const collate = collation === undefined ? '' : ` COLLATE ${collation}`
  const params = args.map((type, i) => `(CAST($${i + 1} AS ${sqlType(type)})${collate})`)
  const call =
    form === 'function'
      ? `pg_catalog.${name}(${params.join(', ')})`
      : [...params.slice(0, -1), `OPERATOR(pg_catalog.${name})`, params.at(-1)].join(' ')
  return `SELECT CAST(CAST(${call} AS ${sqlType(result)}) AS pg_catalog.text)`
}

/** A strict call that PostgreSQL computes; `collation` is the SQL name of the one that its arguments have. */
export const askedCall = (
  call: CallForm,
  args: readonly TypeName[],
  result: TypeName,
  collation?: string,
): Implementation => {
  const sql = questionSql(call, args, result, collation)
  const known = new Map<string, Value | null | undefined>()
  const settle = (key: string, answer: string | null | undefined): void => {
    const [oldest] = known.keys()
    if (oldest !== undefined && known.size >= keptAnswers) known.delete(oldest)
    known.set(key, answer === null || answer === undefined ? answer : typeInfo(result)?.parse(answer))
  }
  const run: Implementation = (...given) => {
    const values = given.map((value, i) => typeInfo(args[i] ?? '')?.format(value as Value) ?? '')
    const key = JSON.stringify(values)
    if (!known.has(key)) throw new Unanswered({ sql, values, settle: answer => settle(key, answer) })
    const value = known.get(key)
    if (value === undefined) throw new EvaluationError('PostgreSQL raises for these values')
    return value
  }
  asking.add(run)
  return run
}

const asking = new WeakSet<Implementation>()

/** Whether PostgreSQL has to be asked for some value of the expression. */
export const asks = (expr: Expr): boolean => ('run' in expr && asking.has(expr.run)) || partsOf(expr).some(asks)
