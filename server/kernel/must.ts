// Turning "cannot be undefined here" into a checked statement instead of a `!`.

/** Returns `value`, or throws when it is null or undefined; `what` names it in the message. */
export const must = <T>(value: T | null | undefined, what = 'value'): T => {
  if (value === null || value === undefined) throw new Error(`${what} is missing`)
  return value
}
