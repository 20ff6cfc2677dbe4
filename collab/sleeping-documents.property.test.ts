import fc from 'fast-check'
import * as Y from 'yjs'
import { describe, expect, it } from 'vitest'
import { must } from '#server/kernel/must.ts'
import { layToSleep, silently, sleeperOf } from './sleeping-documents.ts'

/** Edits of a few people, some with deletions, as they would be folded. */
const states = fc
  .array(fc.tuple(fc.nat(2), fc.nat(60), fc.nat(6), fc.string({ maxLength: 5 })), { maxLength: 40 })
  .map(edits => {
    const people = [11, 12, 13].map(clientID => Object.assign(new Y.Doc(), { clientID }))
    for (const [who, place, deleted, text] of edits) {
      const doc = must(people[who])
      const words = doc.getText('words')
      const at = Math.min(place, words.length)
      words.delete(at, Math.min(deleted, words.length - at))
      words.insert(at, text)
      if (place % 3 > 0) continue
      for (const other of people) Y.applyUpdate(doc, Y.encodeStateAsUpdate(other))
    }
    const whole = new Y.Doc()
    for (const one of people) Y.applyUpdate(whole, Y.encodeStateAsUpdate(one))
    return Y.encodeStateAsUpdate(whole)
  })

const awake = (state: Uint8Array): Y.Doc => {
  const doc = Object.assign(new Y.Doc(), { clientID: 99 })
  silently(doc, () => Y.applyUpdate(doc, state))
  return doc
}

const sleeping = (state: Uint8Array): Y.Doc => {
  const doc = Object.assign(new Y.Doc(), { clientID: 99 })
  layToSleep(doc, state)
  return doc
}

/** Somebody who has heard of `state` what its first people typed, and nothing of the others. */
const partOf = (state: Uint8Array, people: number): Y.Doc => {
  const typed = [...Y.decodeStateVector(Y.encodeStateVectorFromUpdate(state))]
  const doc = new Y.Doc()
  Y.applyUpdate(doc, Y.diffUpdate(state, Y.encodeStateVector(new Map(typed.slice(people)))))
  return doc
}

/** What comes of the first touch, and what is heard of it. */
const touches: Record<string, (doc: Y.Doc) => unknown> = {
  'its text is read': doc => doc.getText('words').toJSON(),
  'its state is asked for': doc => Y.encodeStateAsUpdate(doc),
  'its vector is asked for': doc => Y.encodeStateVector(doc),
  'a snapshot is taken': doc => Y.encodeSnapshot(Y.snapshot(doc)),
  'something is typed': doc => doc.getText('words').insert(0, 'x'),
  'something is typed in a transaction': doc => doc.transact(() => doc.getText('words').insert(0, 'x'), 'somebody'),
  'a transaction does nothing': doc => doc.transact(() => {}),
  'an update comes': doc => {
    const other = Object.assign(new Y.Doc(), { clientID: 98 })
    other.getText('words').insert(0, 'from elsewhere')
    Y.applyUpdate(doc, Y.encodeStateAsUpdate(other), 'elsewhere')
  },
  'its types are listed': doc => [...doc.share.keys()],
  'its clients are counted': doc => doc.store.clients.size,
}

const heard = (doc: Y.Doc, touch: (doc: Y.Doc) => unknown): unknown[] => {
  const events: unknown[] = []
  doc.on('beforeAllTransactions', () => events.push('begin'))
  doc.on('update', (update, origin) => events.push(['update', update, origin]))
  doc.on('afterTransaction', ({ origin, local }) => events.push(['after', origin, local]))
  doc.on('afterAllTransactions', (_, all) => events.push(['end', all.length]))
  const result = touch(doc)
  // and everything goes on as ever
  doc.getText('words').insert(0, 'then')
  doc.getText('words').observe(event => events.push(event.delta))
  doc.getText('words').delete(0, 2)
  return [result, events, Y.encodeStateAsUpdate(doc), doc.getText('words').toJSON()]
}

describe('a sleeping document', () => {
  for (const [name, touch] of Object.entries(touches)) {
    it(`C-28 cannot be told from another when ${name}`, () => {
      fc.assert(
        fc.property(states, state => {
          const doc = sleeping(state)
          expect(sleeperOf(doc)).toBeDefined()
          expect(heard(doc, touch)).toEqual(heard(awake(state), touch))
          expect(sleeperOf(doc)).toBeUndefined()
        }),
        { numRuns: 40 },
      )
    })
  }

  it('C-28 says what somebody lacks, and sleeps on', () => {
    fc.assert(
      fc.property(states, fc.nat(3), (state, people) => {
        const doc = sleeping(state)
        const client = partOf(state, people)
        Y.applyUpdate(client, must(sleeperOf(doc)).lackedBy(Y.encodeStateVector(client)))
        expect(must(sleeperOf(doc)).vector).toEqual(Y.encodeStateVector(awake(state)))
        // what the client answers to our question is known, with all deletions in it
        expect(must(sleeperOf(doc)).knows(Y.encodeStateAsUpdate(client, must(sleeperOf(doc)).vector))).toBe(true)
        expect(Y.encodeStateAsUpdate(client)).toEqual(Y.encodeStateAsUpdate(awake(state)))
        expect(sleeperOf(doc)).toBeDefined()
      }),
    )
  })

  it('C-28 does not know what is new: insertions, and deletions of what it holds', () => {
    fc.assert(
      fc.property(states, state => {
        const doc = sleeping(state)
        const client = awake(state)
        const words = client.getText('words')
        fc.pre(words.length > 1)
        words.delete(0, 1)
        expect(must(sleeperOf(doc)).knows(Y.encodeStateAsUpdate(client, must(sleeperOf(doc)).vector))).toBeUndefined()
        const typist = awake(state)
        typist.getText('words').insert(0, 'new')
        expect(must(sleeperOf(doc)).knows(Y.encodeStateAsUpdate(typist, must(sleeperOf(doc)).vector))).toBeUndefined()
      }),
    )
  })

  it('C-5 is awake at once when its state has gaps, and fails at once when there is none to read', () => {
    const typist = new Y.Doc()
    const updates: Uint8Array[] = []
    typist.on('update', update => updates.push(update))
    for (const word of ['one', 'two', 'three']) typist.getText('words').insert(0, word)
    const [one, two, three] = updates.map(update => must(update))
    const gaps = [[one, three], [three], [two, three]].map(known => known.map(update => must(update)))
    for (const known of gaps) {
      const doc = sleeping(Y.mergeUpdates(known))
      expect(sleeperOf(doc)).toBeUndefined()
      for (const update of updates) Y.applyUpdate(doc, update)
      expect(doc.getText('words').toJSON()).toBe('threetwoone')
    }
    expect(() => sleeping(new TextEncoder().encode('no state'))).toThrow()
  })
})
