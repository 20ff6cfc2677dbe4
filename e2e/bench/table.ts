// The result table: figure, ours, limit, ratio, target, met or not.

export interface Figure {
  readonly figure: string
  readonly unit: string
  readonly ours: number
  /** What the limit is, and its value in this run. */
  readonly limit: { readonly name: string; readonly value: number } | undefined
  /** Ratio ours / limit that is aimed at: `max` where less is better, `min` where more is. */
  readonly target?: { readonly max?: number; readonly min?: number }
}

export const median = (values: readonly number[]): number => {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  const high = sorted[middle] ?? Number.NaN
  return sorted.length % 2 === 1 ? high : ((sorted[middle - 1] ?? Number.NaN) + high) / 2
}

export const percentile = (values: readonly number[], share: number): number => {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}

const number = (value: number): string =>
  value >= 1000 ? Math.round(value).toLocaleString('en-US') : value >= 10 ? value.toFixed(1) : value.toFixed(3)

const verdict = ({ ours, limit, target }: Figure): [string, string] => {
  if (!limit || !target) return ['', '']
  const ratio = ours / limit.value
  if (target.max !== undefined) return [`≤ ${target.max}×`, ratio <= target.max ? 'met' : 'not met']
  if (target.min !== undefined) return [`≥ ${target.min}×`, ratio >= target.min ? 'met' : 'not met']
  return ['', '']
}

/** One aligned table. */
export const printTable = (figures: readonly Figure[]): string => {
  const rows = figures.map(figure => {
    const [target, met] = verdict(figure)
    const { limit } = figure
    return [
      figure.figure,
      `${number(figure.ours)} ${figure.unit}`,
      limit ? `${limit.name}: ${number(limit.value)} ${figure.unit}` : '',
      limit ? `${number(figure.ours / limit.value)}×` : '',
      target,
      met,
    ]
  })
  const all = [['figure', 'ours', 'limit or peer', 'ratio', 'target', ''], ...rows]
  const widths = [0, 1, 2, 3, 4, 5].map(column => Math.max(...all.map(row => row[column]?.length ?? 0)))
  return all
    .map(row =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}
