// Arrays against PostgreSQL, input and output. Not on 16, where array_in is stricter and looser in details than from 17
// on (vitest.config.ts leaves this file out there): rows only ever hold what array_out prints, which is the same.
import { afterAll, beforeAll, test } from 'vitest'
import { emptyDatabase, type TestDatabase } from '#server/testing/postgres.ts'
import { formatArray, parseArray } from './array.ts'
import { below, type Comparison, none, openComparison, pick, seed } from './value-comparison.ts'

const arrayText = (): string => {
  const element = (): string =>
    pick(['a', 'NULL', 'null', '"x y"', '""', 'a b', ' a ', '"a\\"b"', '\\{', 'a"b', '{a,b}', '{c,d}', 'nul\\l'])
  const bounds = below(4) === 0 ? pick(['[0:1]=', '[2]=', '[1:2][0:1]=', '[-1:0] =']) : ''
  return `${bounds}{${Array.from({ length: 1 + below(4) }, element).join(pick([',', ' , ']))}}`
}

let database: TestDatabase
let comparison: Comparison

beforeAll(async () => {
  database = await emptyDatabase()
  comparison = await openComparison(database.url)
})
afterAll(async () => {
  await comparison.close()
  await database.drop()
})

test(`E133 array input and output (SKERRY_SEED=${seed})`, async () => {
  const ours = (a: string): string => {
    const value = parseArray(a, x => x)
    if (value === undefined) throw new Error('invalid array')
    return formatArray(value, x => x as string)
  }
  await comparison.compare(['$1::text[]', arrayText, none, ours])
})
