// The two ways a clause can fail. A WhereError is the client's (HTTP 400): its message is the whole text of
// errors.where. An EvaluationError is one row's: it never leaves the evaluator, the row is simply not included.

/** A clause that is refused. The message goes to the client as it stands. */
export class WhereError extends Error {
  override readonly name = 'WhereError'
}

/** A refusal of something else than the condition itself: the field that the message belongs to. */
export class FieldError extends WhereError {
  readonly field: string

  constructor(field: string, message: string) {
    super(message)
    this.field = field
  }
}

/** A value that PostgreSQL would raise an error for (overflow, division by zero, invalid input). */
export class EvaluationError extends Error {
  override readonly name = 'EvaluationError'
}

/** Length of `SELECT 1 WHERE `, the text that goes before a clause for the parser (protocol.md §17.1). */
export const prefixLength = 15

/** A refusal at a node of the tree: its location counts from the prefix, the message from the client's own text. */
export const refuse = (location: number | undefined, message: string): WhereError =>
  new WhereError(`At location ${Math.max(0, (location ?? prefixLength) - prefixLength)}: ${message}`)
