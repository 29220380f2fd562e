/**
 * The kill points, put into the classes of the house from outside: each tells the doom of its worker that the step is
 * reached. Steps of the journal are told apart by what a transaction has written when it is committed.
 */
import type { StatementSync } from 'node:sqlite'
import { HttpReply } from '../../../src/edge/http-reply.ts'
import { type Clock, systemClock } from '../../../src/ground/clock.ts'
import { Attempt } from '../../../src/relay/attempt.ts'
import { Exchange } from '../../../src/relay/exchange.ts'
import { Leg } from '../../../src/relay/leg.ts'
import { RelayPlane } from '../../../src/relay/relay.ts'
import { SqliteEntry } from '../../../src/store/sqlite-entry.ts'
import { SqliteFile } from '../../../src/store/sqlite-file.ts'
import { SqliteJournal } from '../../../src/store/sqlite-journal.ts'
import type { Doom, StepName } from './death.ts'

type Method = (this: never, ...args: never[]) => unknown
type Call = (...args: unknown[]) => unknown

/** Puts `wrapped` in the place of a method; it is given the object, the original bound to it, and the arguments. */
function around<T extends object>(
  owner: T,
  name: keyof T & string,
  wrapped: (self: T, original: Call, args: unknown[]) => unknown,
): void {
  const original = owner[name] as Method
  Object.defineProperty(owner, name, {
    configurable: true,
    writable: true,
    value(this: T, ...args: unknown[]) {
      return wrapped(this, (...given) => original.apply(this as never, given as never[]), args)
    },
  })
}

/** By the words of a statement: what its transaction is about. */
const kinds: readonly (readonly [string, RegExp])[] = [
  ['begin', /^INSERT INTO answer /],
  ['event', /^INSERT INTO piece \(id, answer, prev, first_seq, sum, lengths, data\)/],
  ['seal', /^UPDATE answer SET outcome = \?1/],
  ['lease', /^UPDATE head SET owner = \?, epoch/],
  ['release', /^UPDATE head SET owner = NULL, left_ms = \? WHERE answer/],
  ['cancel', /^UPDATE head SET cancel_ms/],
  ['bury', /^DELETE FROM node WHERE name/],
  ['sweep', /^DELETE FROM node WHERE id IN/],
  ['beat', /^INSERT INTO node/],
]

/** Sweeps come every 15 s; here they try so often, and are let do it by the file. */
const sweepPeriodMs = 15_000
const hastyPeriodMs = 200

export function putKillPoints(doom: Doom): void {
  const before = <T extends object>(owner: T, name: keyof T & string, step: StepName): void =>
    around(owner, name, (_, original, args) => {
      doom.reach(step)
      return original(...args)
    })
  const after = <T extends object>(owner: T, name: keyof T & string, step: StepName): void =>
    around(owner, name, (_, original, args) => {
      const result = original(...args)
      doom.reach(step)
      return result
    })
  before(RelayPlane.prototype, 'take', 'taken')
  before(RelayPlane.prototype, 'takeInBackground', 'taken')
  after(SqliteJournal.prototype, 'begin', 'begun')
  before(Attempt.prototype, 'onHead', 'head')
  before(SqliteEntry.prototype, 'append', 'unappended')
  after(SqliteEntry.prototype, 'append', 'appended')
  before(SqliteEntry.prototype, 'seal', 'unsealed')
  after(SqliteEntry.prototype, 'seal', 'sealed')
  after(SqliteEntry.prototype, 'release', 'released')
  before(HttpReply.prototype, 'end', 'unended')
  around(RelayPlane.prototype, 'retire', (self, original) => {
    original()
    if (self.liveCount > 0) doom.reach('retired')
  })
  before(Exchange.prototype, 'onCancel', 'cancel-noticed')
  around(SqliteJournal.prototype, 'adopt', async (_, original, args) => {
    const adopted = await original(...args)
    if (adopted !== null) doom.reach('adopted')
    return adopted
  })
  putSeamPoints(doom)
  putWritePoints(doom)
  putCommitPoints(doom)
}

function putSeamPoints(doom: Doom): void {
  const broken = new WeakSet<object>()
  let isBroken = false
  around(Exchange.prototype, 'onBroken', (self, original, args) => {
    doom.reach('broken')
    broken.add(self)
    isBroken = true
    return original(...args)
  })
  around(Leg.prototype, 'start', (_, original, args) => {
    if (isBroken) doom.reach('next-leg')
    isBroken = false
    return original(...args)
  })
  around(Exchange.prototype, 'onEvent', (self, original, args) => {
    const result = original(...args)
    if (broken.delete(self)) doom.reach('leg-event')
    return result
  })
}

function putWritePoints(doom: Doom): void {
  /** What is written behind the first half of a torn write, the second half first. */
  const torn = new WeakMap<object, Buffer[]>()
  around(HttpReply.prototype, 'write', (self, original, args) => {
    const [bytes] = args as [Buffer]
    const held = torn.get(self)
    if (held) return held.push(bytes) > 0
    if (!doom.isNext('torn')) {
      const result = original(bytes)
      doom.reach('written')
      return result
    }
    const rest = [bytes.subarray(bytes.length >> 1)]
    torn.set(self, rest)
    original(bytes.subarray(0, bytes.length >> 1))
    // The first bytes of an answer go out at the end of the turn.
    setImmediate(() => {
      doom.reach('torn')
      torn.delete(self)
      for (const piece of rest) original(piece)
    })
    return true
  })
  around(HttpReply.prototype, 'end', (self, original) => (torn.has(self) ? undefined : original()))
}

function putCommitPoints(doom: Doom): void {
  const written = new Set<string>()
  /** Attempts that wait until the beginning of their answer is committed. */
  const unasked: (() => void)[] = []
  around(Attempt.prototype, 'start', (_, original) => (doom.isNext('unasked') ? unasked.push(original) : original()))
  const commit = (statement: StatementSync): StatementSync['run'] => {
    return () => {
      const about = [...written]
      for (const kind of about) doom.reach(`${kind}-uncommitted` as StepName)
      const result = statement.run()
      for (const kind of about) doom.reach(`${kind}-committed` as StepName)
      if (about.includes('begin') && unasked.length > 0) doom.reach('unasked')
      for (const ask of unasked.splice(0)) ask()
      return result
    }
  }
  around(SqliteFile.prototype, 'sql', (_, original, args) => {
    const text = String(args[0]).trim()
    if (text.startsWith('BEGIN')) written.clear()
    for (const [kind, pattern] of kinds) if (pattern.test(text)) written.add(kind)
    const statement = original(...args) as StatementSync
    return text === 'COMMIT' ? { run: commit(statement) } : statement
  })
  around(systemClock as { every: Clock['every'] }, 'every', (_, original, [periodMs, run]) =>
    original(periodMs === sweepPeriodMs ? hastyPeriodMs : periodMs, run),
  )
}
