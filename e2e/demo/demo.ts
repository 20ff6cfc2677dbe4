// `npm run demo`: the main job on real input. Imports a board, connects two clients through the official Electric
// client, takes one offline, lets both edit the same cards, brings it back, and proves that everybody ends equal.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { commandMap } from '#server/features.ts'
import { type ImportReport, importBacklogMd } from '#server/features/transfers/index.ts'
import { loadConfig } from '#server/kernel/config.ts'
import { createLog } from '#server/kernel/log.ts'
import { warningKinds } from '#server/cli/import.ts'
import { progressBar } from '#server/cli/progress.ts'
import { type Skerry, startSkerry } from '#server/main.ts'
import { compareEverywhere } from './compare.ts'
import { type Desktop, openDesktop, until } from './desktop.ts'
import { type Edits, editOffline, editOnline, outcomesOf } from './edits.ts'
import { type Person, setTheScene } from './people.ts'
import { type Line, printLines } from './report.ts'

export interface DemoOptions {
  /** A Backlog.md folder; default: Skerry's own roadmap. */
  readonly input: string | undefined
  readonly print: (text: string) => void
}

const ownBacklog = fileURLToPath(new URL('../data/skerry-backlog', import.meta.url))
const convergeMs = 30_000

const seconds = (ms: number): string => (ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`)

const timed = async <T>(work: () => Promise<T>): Promise<{ value: T; ms: number }> => {
  const begin = performance.now()
  const value = await work()
  return { value, ms: performance.now() - begin }
}

/** Their number, and what most of them say. */
const warningsOf = (report: ImportReport): string => {
  const [first] = warningKinds(report)
  const most = first ? ` (most, ${first.all.length}: ${first.message.replace(/\.$/, '')})` : ''
  return `${report.warnings.length} warnings${most}`
}

const importInput = (skerry: Skerry, folder: string, applicationId: string, ann: Person): Promise<ImportReport> => {
  const { app, database } = skerry
  const bar = progressBar(process.stderr)
  return importBacklogMd(
    { database, mutation: app.mutation, commands: commandMap(app.features) },
    { folder, applicationId, userId: ann.userId, onProgress: (done, total) => bar.show(done, total) },
  ).finally(() => bar.clear())
}

interface Story {
  readonly lines: Line[]
  readonly differences: readonly string[]
}

const play = async (skerry: Skerry, folder: string, input: string): Promise<Story> => {
  const scene = await setTheScene(skerry)
  const imported = await timed(() => importInput(skerry, input, scene.applicationId, scene.ann))
  const report = imported.value
  await scene.letIn(report.projectId)

  const ann = await openDesktop(skerry.url, scene.ann, scene.applicationId, join(folder, 'ann.db'))
  const bo = await openDesktop(skerry.url, scene.bo, scene.applicationId, join(folder, 'bo.db'))
  const desktops: Desktop[] = [ann, bo]
  const holders = desktops.map(({ person, shapes }) => ({ name: person.name, shapes }))
  try {
    bo.network.goOffline()
    const where = { projectId: report.projectId, sideProjectId: scene.sideProjectId }
    const offline: Edits = await editOffline(bo, where)
    await editOnline(ann, offline)
    await scene.withdraw()
    // the other client has it all before the offline one returns
    await until('Ann’s edits are with the server', () => ann.client.outbox.pending().length === 0, convergeMs)

    const back = performance.now()
    bo.network.goOnline()
    await until('Bo’s queue is empty', () => bo.client.outbox.pending().length === 0, convergeMs)
    const applied = await outcomesOf(offline)
    let differences: readonly string[] = ['nothing was compared']
    let rows = 0
    await until(
      'both clients and Postgres hold the same rows',
      async () => {
        const found = await compareEverywhere(skerry.database, scene.applicationId, holders)
        differences = found.differences
        rows = found.rows
        return differences.length === 0
      },
      convergeMs,
    ).catch(() => undefined)
    const convergence = performance.now() - back
    const verified = await timed(() => scene.verify())
    return {
      differences: [...differences, ...verified.value],
      lines: [
        ['Input', input],
        [
          'Imported',
          `${report.created} tasks, ${report.checklists} checklists, ${report.checklistItems} items in ${seconds(imported.ms)}`,
        ],
        [
          '',
          `${report.failed} files failed, ${warningsOf(report)}, ${report.documents.created} docs and decisions as documents`,
        ],
        [
          'First sync',
          `Ann ${ann.firstSync.rows} rows in ${seconds(ann.firstSync.ms)}, Bo ${bo.firstSync.rows} rows in ${seconds(bo.firstSync.ms)} (${ann.firstSync.shapes} shapes each)`,
        ],
        [
          'Edits queued offline',
          `${offline.committed.length} transactions of Bo, while Ann made ${offline.rivals} on the same cards`,
        ],
        [
          '  applied',
          `${applied.applied} (${applied.superseded} fields superseded by Ann’s later edits, kept in the activity log)`,
        ],
        ['  rejected', `${applied.rejected} (${applied.rejections.join('; ')}), kept for Bo with the server’s row`],
        ['Convergence', `${seconds(convergence)} from back online to equal everywhere`],
        [
          'Proof',
          differences.length === 0
            ? `Ann = Bo = Postgres: ${rows * desktops.length} rows compared one by one, ${rows} of each client, counters equal a recount`
            : `${differences.length} differences`,
        ],
        [
          '',
          `(${ann.firstSync.rows} at the first sync, ${ann.firstSync.rows - rows} gone with Bo’s right to the second board)`,
        ],
      ],
    }
  } finally {
    for (const desktop of desktops) await desktop.client.close()
  }
}

/** Runs the demo; 0 when everybody holds the same rows, 1 otherwise. */
export const runDemo = async ({ input = ownBacklog, print }: DemoOptions): Promise<number> => {
  const folder = mkdtempSync(join(tmpdir(), 'skerry-demo-'))
  const begin = performance.now()
  let skerry: Skerry | undefined
  try {
    const config = loadConfig({ DATA_DIR: join(folder, 'data'), PORT: '0', RATE_LIMITS: 'off', LOG_LEVEL: 'error' })
    const started = await timed(() => startSkerry(config, createLog('error')))
    skerry = started.value
    print('Skerry demo: two desktop clients on one board, one of them offline for a while.\n')
    const story = await play(skerry, folder, input)
    for (const line of printLines([
      ['Server', `PostgreSQL, shape engine and API in one process, ready in ${seconds(started.ms)}`],
      ...story.lines,
      ['Total', seconds(performance.now() - begin)],
    ])) {
      print(line)
    }
    for (const difference of story.differences.slice(0, 20)) print(`  difference: ${difference}`)
    return story.differences.length === 0 ? 0 : 1
  } finally {
    await skerry?.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}
