// What went over the wire: every transaction as it was sent, and what was answered for it. A repeat that differs from
// the first one, in either direction, throws.
import type { Mutation } from '#sync/client/types.ts'

export interface Sent {
  readonly id: string
  readonly edited_at?: string
  readonly mutations: readonly Mutation[]
}

export interface Answered {
  readonly status: 'applied' | 'rejected'
  readonly txid?: number | null
  readonly results?: readonly { readonly data: Record<string, unknown>; readonly superseded?: readonly unknown[] }[]
  readonly error?: { readonly code: string; readonly details?: { readonly issues?: readonly { code: string }[] } }
}

export interface Ledger {
  /** By id: the JSON text of the transaction. */
  readonly sent: ReadonlyMap<string, string>
  /** By id: the JSON text of the result, without `replayed`. */
  readonly answers: ReadonlyMap<string, string>
  /** How many results were repeats. */
  readonly repeats: number
  noteRequest(body: string): void
  noteAnswer(body: string): void
  transaction(id: string): Sent
  /** The final answer, or undefined: none was heard. */
  answer(id: string): Answered | undefined
}

const keep = (map: Map<string, string>, what: string, id: string, text: string): boolean => {
  const first = map.get(id)
  if (first !== undefined && first !== text) throw new Error(`two different ${what} of ${id}:\n${first}\n${text}`)
  map.set(id, text)
  return first !== undefined
}

/** An empty one. */
export const createLedger = (): Ledger => {
  const sent = new Map<string, string>()
  const answers = new Map<string, string>()
  let repeats = 0
  return {
    sent,
    answers,
    get repeats() {
      return repeats
    },
    noteRequest: body => {
      const { transactions } = JSON.parse(body) as { transactions: Sent[] }
      for (const one of transactions) keep(sent, 'requests', one.id, JSON.stringify(one))
    },
    noteAnswer: body => {
      const { data } = JSON.parse(body) as {
        data: { results: { id: string; status: string; replayed?: boolean }[] }
      }
      for (const { replayed: _replayed, ...result } of data.results) {
        if (result.status !== 'applied' && result.status !== 'rejected') continue
        if (keep(answers, 'answers', result.id, JSON.stringify(result))) repeats += 1
      }
    },
    transaction: id => JSON.parse(sent.get(id) ?? 'null') as Sent,
    answer: id => {
      const text = answers.get(id)
      return text === undefined ? undefined : (JSON.parse(text) as Answered)
    },
  }
}
