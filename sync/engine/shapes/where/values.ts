// How values look inside the evaluator. One form per type, so that equal values compare equal without looking at text:
//   bool boolean · int2 int4 number · int8 bigint · float4 float8 number · numeric Numeric · text family string
//   uuid lower-case text · bytea lower-case hex · date number of days since 2000-01-01 (±Infinity) · time number of µs
//   timestamp, timestamptz bigint µs since 2000-01-01 UTC (limits: the infinities) · interval Interval · enum its label
// SQL's NULL is null. Nothing here is mutated after it was made.

/** An exact decimal `v / 10^s`; `kind` other than 0 is a special value and the rest is meaningless. */
export interface Numeric {
  /** 0 finite, 1 NaN, 2 Infinity, -2 -Infinity */
  readonly kind: 0 | 1 | 2 | -2
  readonly v: bigint
  /** The display scale, which division and output depend on. */
  readonly s: number
}

/** PostgreSQL's interval: the three parts are independent; infinities hold the limits of all three. */
export interface Interval {
  readonly months: number
  readonly days: number
  readonly micros: bigint
}

/** An array: `dims` is empty for `{}`; elements in row-major order. */
export interface ArrayValue {
  readonly dims: readonly number[]
  readonly lowers: readonly number[]
  readonly elements: readonly (Value | null)[]
}

/** A value that is not NULL. */
export type Value = boolean | number | bigint | string | Numeric | Interval | ArrayValue

/** A row as the closures see it: PostgreSQL's text output by position. */
export type Row = readonly (string | null)[]

/** A compiled expression. Throws EvaluationError where PostgreSQL raises. */
export type Evaluate = (row: Row) => Value | null
