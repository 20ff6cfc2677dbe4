// Reading state and log where each statement sees what has been committed before it, as in the transactions of writes.
import { expect, test } from 'vitest'
import * as Y from 'yjs'
import { appendUpdate, jsonOf } from '#server/content/document-state.ts'
import { markdownToContent } from '#server/content/markdown.ts'
import { plainText } from '#server/content/text.ts'
import { makeBoard } from '#server/testing/board.ts'
import { asMarkdown, inApplication, makeDocument } from '#server/testing/library.ts'
import { queryOnce } from '#server/testing/postgres.ts'
import { startWithPeople } from '#server/testing/with-people.ts'
import { must } from '#server/kernel/must.ts'
import { readState } from './content.ts'

const { server, people } = await startWithPeople()
const board = await makeBoard(server, people)

test('what is folded between its two statements is in what it answers', async () => {
  const { id } = await makeDocument(people.editor, inApplication(board), asMarkdown('Stored'))
  const { doc: before } = must(await readState(server.database.reads, id))
  const update = appendUpdate(Y.encodeStateAsUpdate(before), markdownToContent('Typed', 'document'))
  await queryOnce(server.databaseUrl, 'insert into document_updates (document_id, update) values ($1, $2)', [
    id,
    Buffer.from(update),
  ])
  const folding = server.database.reads.withPlugin({
    transformQuery: ({ node }) => node,
    // after each statement, so after the first of them as well
    transformResult: async ({ result }) => {
      await server.app.documents.store(id, [])
      return result
    },
  })
  const { doc } = must(await readState(folding, id))
  expect(plainText(jsonOf(doc))).toBe('Stored\nTyped')
})
