// The only place that opens a write transaction. One call = one transaction = all of its commands or none, with their
// activity, notifications, edit clocks, replay row and txid in it; events go out after the commit.
import type { SignedIn } from './actor.ts'
import type { Clock } from './clock.ts'
import type { ActivityEntry, AnyCommand, DomainEvent, WriteContext, WriteOutcome } from './command.ts'
import type { Database, Wire, WriteTx } from './database.ts'
import { AppError } from './errors.ts'
import { GroupFailed, type Place, type Share } from './groups.ts'
import { uuid7 } from './ids.ts'
import { pause } from './lifecycle.ts'
import type { Log } from './log.ts'
import type { Announcement, Notice, Notify } from './notices.ts'
import { type AccessLookup, type Scope, type Standing, stranger } from './policy.ts'
import { isConflict, isOutage, translate } from './postgres-errors.ts'
import { requireScopeFor } from './scopes.ts'
import { activityRows } from './activity.ts'

const conflictRetries = 3
/** Rows of activity in one statement: each has 20 parameters, which the protocol counts in 16 bits. */
const activitiesTogether = 1000

export interface Mutation {
  readonly command: AnyCommand
  /** Already parsed by the command's own schema. */
  readonly input: unknown
}

export interface MutationSpec {
  readonly actor: SignedIn
  readonly mutations: readonly Mutation[]
  /** UUIDv7 of the client's transaction, or a server-made one. */
  readonly transactionId: string
  /** Client time corrected by the server offset; absent = now, later than now = now. */
  readonly editedAt: Date | undefined
  readonly expectedVersion: number | undefined
  readonly via: string
  readonly requestId: string | undefined
  /** What `hooks` lock: another call with the same value is the same write over again. */
  readonly replayOf?: string | undefined
}

export interface Committed {
  readonly outcomes: readonly WriteOutcome[]
  /** 32-bit id of the Postgres transaction; null when no synced row changed that the caller may read. */
  readonly txid: number | null
  readonly shapes: readonly string[]
}

/** Raised around a command's error, so that the caller knows which mutation it was. */
export class MutationFailure extends Error {
  readonly index: number
  constructor(index: number, cause: unknown) {
    super('mutation failed', { cause })
    this.index = index
  }
}

/** Finds a person's standing inside the transaction, under a share lock. Filled in by the members feature. */
export type FindStanding = (tx: WriteTx, userId: string, scope: Scope) => Promise<Standing>

export interface MutationDeps {
  readonly database: Database
  /** For writes that may share a transaction with others. */
  readonly share: Share
  readonly clock: Clock
  readonly random: () => number
  readonly log: Log
  readonly findStanding: FindStanding
  readonly notify: Notify
  /** Called after the commit; must not throw. */
  readonly onEvents: (events: readonly DomainEvent[]) => void
}

/**
 * Steps of the caller around the commands, in the same transaction: `before` may answer from a stored result (then
 * nothing runs), `after` stores the new one.
 */
export interface ReplayHooks<Answer> {
  before(tx: WriteTx): Promise<Answer | undefined>
  after(tx: WriteTx, wire: Wire, committed: Committed): Promise<Answer>
}

const personFor = (actor: SignedIn): string => {
  if (actor.userId === undefined) throw new AppError('forbidden', { message: 'This needs a person, not the server.' })
  return actor.userId
}

const accessFor = (tx: WriteTx, actor: SignedIn, find: FindStanding): AccessLookup => {
  const found = new Map<string, Promise<Standing>>()
  return {
    standing: scope => {
      if (actor.userId === undefined) return Promise.resolve(stranger)
      const key = `${scope.applicationId}/${scope.projectId ?? ''}`
      const known = found.get(key) ?? find(tx, actor.userId, scope)
      found.set(key, known)
      return known
    },
  }
}

/** Where a write of a single command may share a transaction; undefined for one that needs its own. */
const placeOf = ({ mutations, replayOf }: MutationSpec): Place | undefined => {
  const [first] = mutations
  const lane = mutations.length === 1 ? first?.command.lane?.(first.input) : undefined
  return lane === undefined ? undefined : { lane, replayOf }
}

type Aftermath = ((tx: WriteTx) => Promise<void>)[]

// an argument of the command beats the header of the request
const expectedIn = (input: unknown): number | undefined =>
  typeof input === 'object' &&
  input !== null &&
  'expected_version' in input &&
  typeof input.expected_version === 'number'
    ? input.expected_version
    : undefined

const gathered = new WeakMap<Wire, Announcement[]>()

/** Of all who share the transaction: what they tell takes its locks together, and in one order. */
const announce = (tx: WriteTx, wire: Wire, notify: Notify, announced: readonly Announcement[]): void => {
  const before = gathered.get(wire)
  if (before) return void before.push(...announced)
  const all = [...announced]
  gathered.set(wire, all)
  wire.last(() => notify({ tx, later: wire.later }, all))
}

const runCommands = async (
  tx: WriteTx,
  wire: Wire,
  spec: MutationSpec,
  deps: MutationDeps,
  aftermath: Aftermath,
): Promise<Committed & { events: DomainEvent[] }> => {
  // asked now, together with the first statement of the first command
  const xid = wire.xid()
  const now = deps.clock.now()
  const editedAt = spec.editedAt && spec.editedAt < now ? spec.editedAt : now
  const activities: { entry: ActivityEntry; action: string }[] = []
  const announced: Announcement[] = []
  const shapes = new Set<string>()
  const events: DomainEvent[] = []
  const outcomes: WriteOutcome[] = []
  for (const [index, { command, input }] of spec.mutations.entries()) {
    // asked anew for each: the mutation before may have made the caller admin of the project it created
    const access = accessFor(tx, spec.actor, deps.findStanding)
    const warnings: string[] = []
    const notices: Notice[] = []
    const context: WriteContext = {
      tx,
      later: wire.later,
      actor: spec.actor,
      get userId() {
        return personFor(spec.actor)
      },
      access,
      stamp: { editedAt, transactionId: spec.transactionId, actorId: spec.actor.userId },
      now,
      expectedVersion: expectedIn(input) ?? spec.expectedVersion,
      random: deps.random,
      record: entry => void activities.push({ entry, action: entry.action ?? command.name }),
      notify: notice => void notices.push(notice),
      touch: (...names) => names.forEach(name => shapes.add(name)),
      emit: event => void events.push(event),
      afterRejection: work => void aftermath.push(work),
      warn: code => void (warnings.includes(code) || warnings.push(code)),
    }
    try {
      requireScopeFor(spec.actor, command)
      outcomes.push({ ...(await command.run(context, input)), warnings })
      if (notices.length > 0) announced.push({ notices, actor: spec.actor })
    } catch (error) {
      throw new MutationFailure(index, error)
    }
  }
  for (let at = 0; at < activities.length; at += activitiesTogether)
    wire.later(activityRows(tx, activities.slice(at, at + activitiesTogether), spec, editedAt))
  if (announced.length > 0) announce(tx, wire, deps.notify, announced)
  const txid = shapes.size === 0 ? null : await xid
  return { outcomes, txid, shapes: [...shapes].sort((a, b) => (a < b ? -1 : 1)), events }
}

/**
 * Runs `spec` in one transaction. Rejects with MutationFailure (cause: AppError where the catalogue knows it) when a
 * command refuses, with AppError `unavailable`, `timeout` or `conflict_retry` for the database's own reasons.
 */
export const mutate = async <Answer>(
  deps: MutationDeps,
  spec: MutationSpec,
  hooks: ReplayHooks<Answer>,
): Promise<Answer> => {
  const place = placeOf(spec)
  let alone = place === undefined
  for (let attempt = 0; ; attempt += 1) {
    let events: readonly DomainEvent[] = []
    const aftermath: Aftermath = []
    try {
      const work = async (tx: WriteTx, wire: Wire): Promise<Answer> => {
        const stored = await hooks.before(tx)
        if (stored !== undefined) return stored
        const committed = await runCommands(tx, wire, spec, deps, aftermath)
        events = committed.events
        return hooks.after(tx, wire, committed)
      }
      const answer = await (alone || place === undefined ? deps.database.write(work) : deps.share(place, work))
      if (events.length > 0) deps.onEvents(events)
      return answer
    } catch (raised) {
      const error = raised instanceof GroupFailed ? raised.cause : raised
      const cause = error instanceof MutationFailure ? error.cause : error
      // whether a broken connection has committed is unknown: nothing is done twice
      if (raised instanceof GroupFailed && !isOutage(cause)) {
        alone = true
        attempt -= 1
        continue
      }
      if (isConflict(cause) && attempt < conflictRetries) {
        await pause(5 + deps.random() * 20 * 2 ** attempt)
        continue
      }
      const known = translate(cause)
      if (known instanceof AppError) {
        for (const work of aftermath) await deps.database.write(work)
      }
      if (!(known instanceof AppError)) deps.log.error('write failed', { error: cause, requestId: spec.requestId })
      // a deferred constraint speaks at COMMIT, when no command is running: the last one is named
      throw new MutationFailure(error instanceof MutationFailure ? error.index : spec.mutations.length - 1, known)
    }
  }
}

/** Runs commands for the server itself (imports, jobs): no replay row. */
export const mutateOnce = (deps: MutationDeps, spec: Omit<MutationSpec, 'transactionId'>): Promise<Committed> =>
  mutate<Committed>(
    deps,
    { ...spec, transactionId: uuid7() },
    {
      before: async () => undefined,
      after: async (_tx, _wire, committed) => committed,
    },
  )
