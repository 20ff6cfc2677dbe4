// Where a name stands for several addresses, a connection that fails has failed at each: Node then throws an AggregateError
// whose own message is empty.

/** `error`, or the first of those that it gathers. */
export const firstError = (error: unknown): unknown =>
  error instanceof AggregateError && error.errors.length > 0 ? firstError(error.errors[0]) : error
