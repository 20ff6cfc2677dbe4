// States over generated documents: what is written is read, a replace leads to what is wanted (D98), an editor accepts it.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { yXmlFragmentToProseMirrorRootNode } from 'y-prosemirror'
import * as Y from 'yjs'
import { carriedDocument } from '#server/testing/content-arbitrary.ts'
import { checkContent } from './check.ts'
import { derive, jsonOf, replaceUpdate, stateOf } from './document-state.ts'
import { documentSchema } from '#server/testing/document-schema.ts'

// what an update is that says nothing
const nothing = [0, 0]

test('D98 a replace leads to the content that is wanted, and a second one changes nothing', () => {
  fc.assert(
    fc.property(carriedDocument, carriedDocument, (before, after) => {
      const state = stateOf(before)
      expect(jsonOf(state)).toEqual(before)
      const next = Y.mergeUpdates([state, replaceUpdate(state, after)])
      expect(jsonOf(next)).toEqual(after)
      expect([...replaceUpdate(next, after)]).toEqual(nothing)
    }),
  )
})

// Yjs takes marks away that a merge has made superfluous; what one replica has taken away the others hear like typing
test('D98 replaces of two people at once converge, whatever the order', () => {
  fc.assert(
    fc.property(carriedDocument, carriedDocument, carriedDocument, (before, one, two) => {
      const state = stateOf(before)
      const [first, second] = [replaceUpdate(state, one), replaceUpdate(state, two)]
      const replicas = [[state, first, second], [state, second, first], [Y.mergeUpdates([second, state, first])]].map(
        updates => {
          const replica = new Y.Doc()
          for (const update of updates) Y.applyUpdate(replica, update)
          return replica
        },
      )
      const everything = Y.mergeUpdates(replicas.map(replica => Y.encodeStateAsUpdate(replica)))
      const [left, ...others] = replicas.map(replica => {
        Y.applyUpdate(replica, everything)
        return derive(replica).json
      })
      for (const other of others) expect(other).toEqual(left)
    }),
    { numRuns: 200 },
  )
})

test('what the model accepts, the schema of editors accepts: y-prosemirror deletes nothing of it', () => {
  fc.assert(
    fc.property(carriedDocument, content => {
      const checked = checkContent(content, 'document')
      expect(checked).toEqual({ content })
      const live = new Y.Doc()
      Y.applyUpdate(live, stateOf(content))
      yXmlFragmentToProseMirrorRootNode(live.getXmlFragment('default'), documentSchema()).check()
      expect(derive(live).json).toEqual(content)
    }),
  )
})
