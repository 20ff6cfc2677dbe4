// Lines of a short table: what on the left, its value on the right.

export type Line = readonly [string, string]

/** Aligned text lines. */
export const printLines = (lines: readonly Line[]): string[] => {
  const width = Math.max(...lines.map(([label]) => label.length))
  return lines.map(([label, value]) => `${label.padEnd(width)}  ${value}`)
}
