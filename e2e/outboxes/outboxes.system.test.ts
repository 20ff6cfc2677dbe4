// Real clients over their outboxes, on a bad network, with devices that die and a server that is killed between COMMIT
// and reply. Each transaction has exactly one effect, repeats are answered byte for byte alike, nothing that a client
// promised to keep gets lost, and in the end every device, every store and Postgres hold the same rows.
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { verifyCounters } from '#server/kernel/counters.ts'
import { type Database, openDatabase } from '#server/kernel/database.ts'
import { pause } from '#server/kernel/lifecycle.ts'
import { silentLog } from '#server/kernel/log.ts'
import { must } from '#server/kernel/must.ts'
import { runs, seed, seededRandom } from '#server/testing/random.ts'
import { createApi } from '#sync/client/api.ts'
import { compareEverywhere } from '../demo/compare.ts'
import { until } from '../demo/desktop.ts'
import { signUpCrew } from '../testing/crew.ts'
import { createLedger } from '../testing/ledger.ts'
import { type Harbour, openHarbour, type ServerProcess } from '../testing/server-process.ts'
import { createDevice, type Device } from './device.ts'
import { drawTransaction, isExplained } from './edits.ts'
import { compareExpected, expectedRows } from './expected.ts'
import { createNetwork } from './network.ts'
import { killAfterCommits, type Killer } from './killer.ts'
import { effectsOf } from './effects.ts'

const rounds = runs(3)
const perRound = 12
const deadlineMs = 60_000
const timeout = 120_000 + rounds * 20_000

let harbour: Harbour
let database: Database
let server: ServerProcess | undefined
let killer: Killer
const events = new Map<string, number>()
const count = (what: string): void => void events.set(what, (events.get(what) ?? 0) + 1)

beforeAll(async () => {
  harbour = await openHarbour('outboxes')
})
afterAll(async () => {
  await killer?.close()
  await server?.kill()
  await database?.close()
  await harbour.close()
})

test(`D76 D78 D79 D124 many outboxes, bad network, dying devices, killed server (SKERRY_SEED=${seed})`, {
  timeout,
}, async () => {
  server = await harbour.startServer()
  const crew = await signUpCrew(server.url, ['ann', 'bo', 'cy', 'dee'], ['PIER', 'QUAY'], ['dee'])
  database = openDatabase(harbour.databaseUrl, 4, silentLog)
  killer = await killAfterCommits(harbour.databaseUrl, async () => {
    count('server killed')
    await server?.kill()
  })
  const ledger = createLedger()
  let bad = false
  let tokens = 0
  const [ann, bo, cy, dee] = crew.people
  const owners = [ann, ann, bo, cy, dee].map(one => must(one))
  const devices: Device[] = []
  for (const [index, person] of owners.entries()) {
    const random = seededRandom(seed + index * 7919)
    const network = createNetwork({ server: () => must(server).url, random, ledger, isBad: () => bad, count })
    const name = `${person.name}-${index}`
    const device = createDevice({
      person,
      name,
      file: join(harbour.folder, `${name}.db`),
      applicationId: crew.applicationId,
      network,
      clockErrorMs: Math.round((random() - 0.5) * 7_200_000),
      random,
    })
    await device.open()
    await Promise.all([...device.shapes.values()].map(one => one.ready()))
    devices.push(device)
  }

  /** One round of one device: work, tunnels and deaths. */
  const live = async (device: Device, index: number, round: number): Promise<void> => {
    const random = seededRandom(seed + round * 104_729 + index * 7919 + 1)
    let offline = random() < 0.3
    if (offline) device.network.unplug()
    for (let n = 0; n < perRound; n += 1) {
      const mutations = drawTransaction({ random, crew, device, token: () => `${device.name} ${(tokens += 1)}` })
      const kept = await device.commit(mutations)
      if (!kept) throw new Error(`${device.name} could not keep a transaction`)
      const event = random()
      if (event < 0.06) {
        count('device died')
        await device.crash()
        await device.open()
        offline = false
      } else if (event < 0.14) {
        count(offline ? 'device online' : 'device offline')
        if (offline) device.network.plug()
        else device.network.unplug()
        offline = !offline
      } else if (event < 0.18) {
        const refused = device.client.outbox.attention()[0]
        if (refused) await device.retry(refused.transaction.id)
      } else if (event < 0.2) {
        const refused = device.client.outbox.attention()[0]
        if (refused) await device.discard(refused.transaction.id)
      }
      await pause(random() * 60)
    }
    if (offline) device.network.plug()
    device.client.wake()
  }

  const plan = seededRandom(seed)
  for (let round = 0; round < rounds; round += 1) {
    bad = true
    killer.arm(1 + Math.floor(plan() * 15))
    const lives = Promise.all(devices.map((device, index) => live(device, index, round)))
    await killer.fired
    await pause(plan() * 500)
    server = await harbour.startServer()
    await lives
  }

  bad = false
  for (const device of devices) {
    await device.network.quiet()
    device.client.wake()
  }
  const settle = async (device: Device): Promise<void> => {
    const { outbox } = device.client
    await until(`${device.name} has sent all it can`, () => outbox.state === 'idle', deadlineMs).catch(
      (error: unknown) => {
        throw new Error(`${String(error)} ${outbox.state} ${String(outbox.lastError)}`)
      },
    )
    for (const { error, transaction, mutationIndex } of outbox.attention()) {
      const what = `${must(transaction.mutations[mutationIndex]).name}: ${JSON.stringify(error)}`
      expect([what, isExplained(error)]).toEqual([what, true])
      count(`refused: ${error.code}`)
    }
    // what still waits, waits for what a refused one would have created
    for (let first = outbox.attention()[0]; first; first = outbox.attention()[0]) {
      await device.discard(first.transaction.id)
    }
    await until(
      `${device.name}'s outbox is empty (${JSON.stringify(outbox.pending().slice(0, 3))})`,
      () => outbox.pending().length === 0,
      deadlineMs,
    )
  }
  for (const device of devices) await settle(device)

  const converged = async (): Promise<void> => {
    let differences: readonly string[] = []
    const equal = async () => {
      const found = await compareEverywhere(database, crew.applicationId, devices)
      differences = found.differences
      return differences.length === 0
    }
    await until('every device equals Postgres', equal, deadlineMs).catch(() => undefined)
    expect(differences).toEqual([])
  }
  await converged()

  // nothing promised is lost: decided by the server, or given up by its person
  for (const device of devices) {
    const lost = device.promised.filter(id => !ledger.answers.has(id) && !device.discarded.has(id))
    expect([device.name, lost]).toEqual([device.name, []])
  }

  // everything once more, old and new: the same answers, and not one row moves
  const before = await effectsOf(database)
  for (const [index, person] of crew.people.entries()) {
    const api = createApi({ url: must(server).url, token: person.token })
    const mine = [...ledger.answers.keys()].filter(id => before.authorOf.get(id) === must(crew.people[index]).userId)
    for (let at = 0; at < mine.length; at += 50) {
      const transactions = mine.slice(at, at + 50).map(id => ledger.transaction(id))
      const answer = await api.fetch(`${must(server).url}/api/transactions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${person.token}` },
        body: JSON.stringify({ transactions }),
      })
      ledger.noteAnswer(await answer.text())
    }
  }
  const after = await effectsOf(database)
  expect(after.rows).toEqual(before.rows)
  await converged()

  expect(after.problems(ledger)).toEqual([])
  const expected = expectedRows(ledger)
  let compared = 0
  for (const shape of ['application', 'projects', 'tasks', 'checklists', 'checklist_items'] as const) {
    const found = compareExpected(expected, shape, must(devices[0]).rows(shape))
    compared += found.compared
    expect(found.wrong).toEqual([])
  }
  expect(compared).toBeGreaterThan(rounds * perRound)
  expect((await verifyCounters(database, false)).differing).toEqual([])

  // what lies in the files is what the screens showed
  for (const device of devices) {
    await device.close()
    device.network.unplug()
    await device.open()
  }
  const stored = await compareEverywhere(database, crew.applicationId, devices)
  expect(stored.differences).toEqual([])
  for (const device of devices) expect(device.client.outbox.pending()).toEqual([])
  for (const device of devices) await device.close()
  await server.stop()

  if (process.env.SKERRY_VERBOSE) {
    const counts = Object.fromEntries([...events].toSorted(([a], [b]) => (a < b ? -1 : 1)))
    process.stderr.write(
      `${JSON.stringify({ seed, transactions: ledger.answers.size, repeats: ledger.repeats, rows: stored.rows, compared, ...counts })}\n`,
    )
  }
  // a run without trouble would prove nothing
  expect(events.get('server killed')).toBe(rounds)
  expect(ledger.repeats).toBeGreaterThan(0)
  expect(stored.rows).toBeGreaterThan(0)
})
