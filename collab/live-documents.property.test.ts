// Yjs cleans superfluous marks up in each replica by itself, at the end of a transaction: whoever takes the same updates in
// other portions may end with other formatting.
import { expect, test } from 'vitest'
import * as Y from 'yjs'
import { derive, replaceUpdate, stateOf } from '#server/content/document-state.ts'
import type { ContentNode } from '#server/content/model.ts'
import { silentLog } from '#server/kernel/log.ts'
import { must } from '#server/kernel/must.ts'
import { runs, seed, seededRandom } from '#server/testing/random.ts'
import { applyStored } from './live-documents.ts'

const marks = ['bold', 'italic'] as const

const paragraph = (pieces: readonly string[], markOf: (index: number) => string | undefined): ContentNode => ({
  type: 'doc',
  content: [
    {
      type: 'paragraph',
      content: pieces.map((text, index) => {
        const type = markOf(index)
        return { type: 'text', text, ...(type === undefined ? {} : { marks: [{ type }] }) }
      }),
    },
  ],
})

const open = (...updates: readonly Uint8Array[]): Y.Doc => {
  const doc = new Y.Doc()
  for (const update of updates) Y.applyUpdate(doc, update)
  return doc
}

/** Two who format at once, and commands over REST: the log, and the open document that has taken it as it came. */
const session = (random: () => number): { readonly log: readonly Uint8Array[]; readonly live: Y.Doc } => {
  const pick = (count: number): number => Math.floor(random() * count)
  const base = stateOf(paragraph(['one two', ' three four ', 'five'], index => ['bold', undefined, 'italic'][index]))
  const log = [base]
  const live = open(base)
  const clients = [1001, 1002].map(id => {
    const doc = open(base)
    doc.clientID = id
    const unsent: Uint8Array[] = []
    doc.on('update', (update: Uint8Array, origin: unknown) => void (origin === live || unsent.push(update)))
    live.on('update', (update: Uint8Array) => Y.applyUpdate(doc, update, live))
    return { doc, unsent }
  })
  const take = (updates: readonly Uint8Array[]): void => {
    for (const update of updates) {
      log.push(update)
      Y.applyUpdate(live, update)
    }
  }
  const edit = (doc: Y.Doc): void => {
    const element = doc.getXmlFragment('default').get(0)
    const text = element instanceof Y.XmlElement ? element.get(0) : undefined
    if (!(text instanceof Y.XmlText)) return
    const at = pick(text.length + 1)
    const length = pick(text.length - at + 1)
    const what = random()
    if (what < 0.6) text.format(at, length, { [must(marks[pick(2)])]: random() < 0.5 ? {} : null })
    else if (what < 0.8) text.insert(at, 'x', random() < 0.5 ? { bold: {} } : {})
    else text.delete(at, Math.min(length, 4))
  }
  for (let step = 0; step < 30; step += 1) {
    const { doc, unsent } = must(clients[pick(2)])
    const what = random()
    if (what < 0.75) edit(doc)
    else if (what < 0.9) take(unsent.splice(0))
    else {
      const wanted = paragraph(['one two', ' three x ', 'five'], () => [...marks, undefined][pick(3)])
      take([replaceUpdate(Y.encodeStateAsUpdate(open(...log)), wanted)])
    }
  }
  for (const { unsent } of clients) take(unsent.splice(0))
  return { log, live }
}

test(`C-5 a document that is opened from its log is what those see who had it open (SKERRY_SEED=${seed})`, () => {
  const random = seededRandom(seed)
  for (let run = 0; run < runs(300); run += 1) {
    const { log, live } = session(random)
    const [state, ...updates] = log
    const opened = new Y.Doc()
    applyStored(opened, { state, updates }, silentLog)
    expect(derive(opened).json, `run ${run}`).toEqual(derive(live).json)
  }
})
