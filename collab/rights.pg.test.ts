// Who may do what over both protocols, and how it ends.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { until } from '#server/testing/postgres.ts'
import { closings } from './closing.ts'
import { type Replica, textsOf, type } from './testing/clients.ts'
import { type CollabServer, startCollabServer } from './testing/server.ts'

let collab: CollabServer
beforeAll(async () => {
  collab = await startCollabServer()
})
afterAll(async () => collab.close())

const kinds = ['hocuspocus', 'y-websocket'] as const
/** What domain rules 8.2, 8.5 and D25 allow. */
const second = 1000

const refused = (replica: Replica): boolean => replica.refusals.length > 0 || replica.closes.length > 0

const count = async (): Promise<number> => {
  const { rows } = await collab.server.database.pool.query<{ n: number }>(
    'select (select count(*) from document_updates)::int + (select coalesce(sum(content_version), 0) from documents)::int as n',
  )
  return rows[0]?.n ?? 0
}

/** Ann edits, Bo watches: both in, the document says `before`. */
const together = async (kind: Replica['kind'], right = { edit: true }) => {
  const { documents, ann, bo } = collab
  const id = await documents.create(ann.userId)
  documents.allow(bo.userId, id, right)
  const writer = collab.open(id, ann.token)
  const other = collab.open(id, bo.token, kind)
  await until('both are in', () => writer.synced() && other.synced())
  type(writer.doc, 'before')
  await until('both read it', () => textsOf(other.doc).length === 1 && writer.acknowledged())
  return { id, writer, other }
}

for (const kind of kinds) {
  test(`C-13 over ${kind}: foreign, missing and malformed rooms and tokens are refused, and nothing is logged`, async () => {
    const { documents, ann, bo } = collab
    const id = await documents.create(ann.userId)
    const before = await count()
    const rooms = [id, '01890000-0000-7000-8000-000000000000', `document:${id.toUpperCase()}`, `document:${id} `, 'x:y']
    const tries = [
      ...rooms.map(room => collab.open(room, bo.token, kind)),
      collab.open(id, 'no-such-token', kind),
      collab.open(id, '', kind),
    ]
    for (const replica of tries) type(replica.doc, 'intruder')
    await until('all are refused', () => tries.every(refused))
    expect(tries.some(replica => replica.synced())).toBe(false)
    if (kind === 'hocuspocus') {
      expect(tries.map(({ refusals }) => refusals[0])).toEqual([
        ...rooms.map(() => 'not_found'),
        'unauthenticated',
        'unauthenticated',
      ])
    } else {
      const { accessLost, sessionEnded } = closings
      expect(tries.map(({ closes }) => closes)).toEqual([
        ...rooms.map(() => [accessLost.code]),
        [sessionEnded.code],
        [sessionEnded.code],
      ])
    }
    expect(await count()).toBe(before)
  })

  test(`D96 C-12 over ${kind}: what a viewer types reaches nobody and no log, and he reads on`, async () => {
    const { writer, other } = await together(kind, { edit: false })
    await until('the first is stored', async () => collab.documents.stores.length > 0)
    const before = await count()
    type(other.doc, 'unwanted')
    type(writer.doc, 'wanted')
    await until('he reads on', () => textsOf(other.doc).includes('wanted'))
    expect(textsOf(writer.doc)).toEqual(['before', 'wanted'])
    await until('one update was logged', async () => (await count()) > before)
    if (kind === 'hocuspocus') {
      expect(other.scope()).toBe('readonly')
      expect(other.acknowledged()).toBe(false)
    }
  })

  test(`D25 C-14 over ${kind}: lost access closes with 4403 within a second, and nobody comes back`, async () => {
    const { id, other, writer } = await together(kind)
    const { documents, bo, server } = collab
    documents.allow(bo.userId, id, undefined)
    server.app.bus.publish([{ type: 'access_changed', userId: bo.userId, applicationId: id }])
    await until('his socket closes', () => other.closes.includes(closings.accessLost.code), second)
    type(writer.doc, 'secret')
    if (kind === 'hocuspocus') await until('he is refused', () => other.refusals.includes('not_found'))
    await until('it is acknowledged', () => writer.acknowledged())
    expect(textsOf(other.doc)).toEqual(['before'])
    expect(writer.closes).toEqual([])
  })

  test(`C-14 over ${kind}: losing the right to edit turns a seat read-only within a second, and back`, async () => {
    const { id, other, writer } = await together(kind)
    const { documents, bo, server } = collab
    const change = (edit: boolean) => {
      documents.allow(bo.userId, id, { edit })
      server.app.bus.publish([{ type: 'access_changed', userId: bo.userId, applicationId: id }])
    }
    change(false)
    if (kind === 'hocuspocus') await until('he is told', () => other.scope() === 'readonly', second)
    type(other.doc, 'too late')
    type(writer.doc, 'marker')
    await until('the marker arrives', () => textsOf(other.doc).includes('marker'))
    expect(textsOf(writer.doc)).toEqual(['before', 'marker'])
    change(true)
    await until('what he typed arrives', () => textsOf(writer.doc).includes('too late'), second)
    await until('they agree', () => textsOf(writer.doc).join() === textsOf(other.doc).join())
    expect(other.closes).toEqual([])
  })

  test(`D103 C-15 over ${kind}: while Ann holds the lock Bo's typing is not accepted; then it arrives`, async () => {
    const { id, other, writer } = await together(kind)
    const { documents, bo, server } = collab
    const lock = (held: boolean) => {
      documents.allow(bo.userId, id, { edit: !held })
      server.app.bus.publish([{ type: 'document.lock', documentId: id }])
    }
    lock(true)
    type(other.doc, 'typed under the lock')
    type(writer.doc, 'the holder writes')
    await until('he reads it', () => textsOf(other.doc).includes('the holder writes'))
    expect(textsOf(writer.doc)).toEqual(['before', 'the holder writes'])
    lock(false)
    await until('it arrives', () => textsOf(writer.doc).includes('typed under the lock'), second)
  })

  test(`C-14 over ${kind}: a deleted document closes with 4404`, async () => {
    const { id, other, writer } = await together(kind)
    const { documents, ann, bo, server } = collab
    for (const { userId } of [ann, bo]) documents.allow(userId, id, undefined)
    server.app.bus.publish([{ type: 'document.changed', documentId: id }])
    const gone = closings.documentGone.code
    await until('both close', () => other.closes.includes(gone) && writer.closes.includes(gone), second)
  })

  test(`C-14 over ${kind}: signing out closes with 4401, and other sessions of the person stay`, async () => {
    const { documents, server } = collab
    const cy = await server.signUp(`cy-${kind}`)
    const login = await server.anonymous.post('/auth/login', {
      email: `cy-${kind}@example.com`,
      password: 'tide-and-granite-7',
    })
    const { access_token: otherToken } = login.body as { access_token: string }
    const id = await documents.create(cy.userId)
    const leaving = collab.open(id, cy.token, kind)
    const staying = collab.open(id, otherToken, kind)
    await until('both are in', () => leaving.synced() && staying.synced())
    await cy.post('/auth/logout')
    await until('it closes', () => leaving.closes.includes(closings.sessionEnded.code), second)
    type(staying.doc, 'still here')
    await until('it is stored', () => documents.stores.some(({ documentId }) => documentId === id))
    expect(staying.closes).toEqual([])
  })
}

test('C-16 a right that goes while a client is let in is gone', async () => {
  const { documents, ann, bo, server } = collab
  const id = await documents.create(ann.userId)
  documents.allow(bo.userId, id, { edit: true })
  const asked = Promise.withResolvers<void>()
  const answer = Promise.withResolvers<void>()
  const real = documents.access
  documents.access = async (actor, documentId) => {
    const right = await real(actor, documentId)
    if (documentId === id) {
      asked.resolve()
      await answer.promise
    }
    return right
  }
  const replica = collab.open(id, bo.token)
  await asked.promise
  documents.allow(bo.userId, id, undefined)
  server.app.bus.publish([{ type: 'access_changed', userId: bo.userId, applicationId: id }])
  answer.resolve()
  await until('he is not let in', () => refused(replica))
  documents.access = real
  expect(replica.synced()).toBe(false)
})
