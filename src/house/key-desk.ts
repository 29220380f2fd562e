/** What operators do with keys: the same for the command line and for the operators' port. */
import { join } from 'node:path'
import type { Config } from '../config.ts'
import { type KeySettings, keyNameSchema, keySettingsSchema } from '../edge/key-options.ts'
import { makeSecret } from '../edge/keys/key-secret.ts'
import type { Clock } from '../ground/clock.ts'
import type { Random } from '../ground/random.ts'
import type { KeptKey } from '../store/key-store.ts'
import { allowancesFileName, SqliteAllowances } from '../store/sqlite-allowances.ts'
import { isKept, keysFileName, SqliteKeys } from '../store/sqlite-keys.ts'

/** What may be wished of a new key. Unchecked: it comes from outside. */
export interface KeyWish {
  readonly name: string
  readonly settings?: unknown
  /** How long it is good; left out for good. */
  readonly days?: number | undefined
}

/** The one time that the secret is told. */
export interface MadeKey {
  readonly name: string
  readonly secret: string
  readonly prefix: string
  readonly endsMs: number | null
}

/** A key as operators see it. */
export interface ShownKey {
  readonly name: string
  readonly state: 'good' | 'revoked' | 'over'
  readonly prefixes: readonly string[]
  readonly createdMs: number
  readonly endsMs: number | null
  readonly revokedMs: number | null
  readonly settings: KeySettings
  /** By limit, what counts against it now. */
  readonly used: Readonly<Record<string, number>>
}

const dayMs = 86_400_000
const daysMax = 36_500

/** Somebody asked for what cannot be. */
export class KeyError extends Error {
  override readonly name = 'KeyError'
}

export class KeyDesk {
  #stateDir: string
  #taken: ReadonlySet<string>
  #clock: Clock
  #random: Random

  constructor({ stateDir, keys }: Pick<Config, 'stateDir' | 'keys'>, clock: Clock, random: Random) {
    this.#stateDir = stateDir
    this.#taken = new Set(keys.map(({ name }) => name))
    this.#clock = clock
    this.#random = random
  }

  /** @throws {KeyError} in words that name the cure. */
  create({ name, settings = {}, days }: KeyWish): MadeKey {
    const named = keyNameSchema.safeParse(name)
    if (!named.success) throw new KeyError(`A name has 1 to 64 ${named.error.issues[0]?.message ?? 'characters'}.`)
    if (this.#taken.has(name)) throw new KeyError(`There is a key ${name} in the configuration.`)
    const checked = readSettings(settings)
    const nowMs = this.#clock.nowMs()
    const endsMs = days === undefined ? null : nowMs + checkDays(days) * dayMs
    const made = makeSecret(this.#random)
    using store = this.#open(true)
    const secret = { hash: made.hash, prefix: made.prefix, createdMs: nowMs, endsMs: null }
    try {
      store.add({ name, settings: checked, createdMs: nowMs, endsMs }, secret)
    } catch (error) {
      throw new KeyError((error as Error).message)
    }
    return { name, secret: made.secret, prefix: made.prefix, endsMs }
  }

  list(): ShownKey[] {
    if (!isKept(join(this.#stateDir, keysFileName))) return []
    using store = this.#open(false)
    const used = this.#used()
    const nowMs = this.#clock.nowMs()
    return store.all().map((key) => shown(key, used.get(key.name) ?? new Map(), nowMs))
  }

  /** @throws {KeyError} */
  change(name: string, settings: unknown): void {
    const checked = readSettings(settings)
    using store = this.#open(false)
    if (!store.change(name, checked)) throw this.#unknown(store, name)
  }

  /** The old secret is good for so long beside the new one. @throws {KeyError} */
  rotate(name: string, graceMs: number): MadeKey {
    using store = this.#open(false)
    const made = makeSecret(this.#random)
    const nowMs = this.#clock.nowMs()
    const secret = { hash: made.hash, prefix: made.prefix, createdMs: nowMs, endsMs: null }
    if (!store.rotate(name, secret, nowMs + graceMs)) throw this.#unknown(store, name)
    const endsMs = store.all().find((key) => key.name === name)?.endsMs ?? null
    return { name, secret: made.secret, prefix: made.prefix, endsMs }
  }

  /** @throws {KeyError} */
  revoke(name: string): void {
    using store = this.#open(false)
    if (!store.revoke(name, this.#clock.nowMs())) throw this.#unknown(store, name)
  }

  #open(isNew: boolean): SqliteKeys<KeySettings> {
    const path = join(this.#stateDir, keysFileName)
    if (!isNew && !isKept(path))
      throw new KeyError(
        `No key was made in ${this.#stateDir} yet: \`holdfast key create <name>\`, or name the folder.`,
      )
    return new SqliteKeys(path)
  }

  #used(): ReturnType<SqliteAllowances['used']> {
    const path = join(this.#stateDir, allowancesFileName)
    if (!isKept(path)) return new Map()
    using store = new SqliteAllowances(path, this.#clock, 'desk')
    return store.used()
  }

  #unknown(store: SqliteKeys<KeySettings>, name: string): KeyError {
    if (this.#taken.has(name))
      return new KeyError(`${name} is a key of the configuration: change it there, then \`holdfast restart\`.`)
    const key = store.all().find((each) => each.name === name)
    if (key) return new KeyError(`${name} has been revoked; a new key needs a new name.`)
    return new KeyError(`There is no key ${JSON.stringify(name.slice(0, 64))}; \`holdfast key list\` shows them.`)
  }
}

function shown({ secrets, ...key }: KeptKey<KeySettings>, used: ReadonlyMap<string, number>, nowMs: number): ShownKey {
  const isOver = key.endsMs !== null && key.endsMs <= nowMs
  const good = secrets.filter(({ endsMs }) => endsMs === null || endsMs > nowMs)
  const limits = Object.keys(key.settings.limits ?? {})
  return {
    ...key,
    state: key.revokedMs !== null ? 'revoked' : isOver ? 'over' : 'good',
    prefixes: good.map(({ prefix }) => prefix),
    used: Object.fromEntries([...used].filter(([kind]) => limits.includes(kind))),
  }
}

function readSettings(settings: unknown): KeySettings {
  const result = keySettingsSchema.safeParse(settings)
  if (result.success) return result.data
  const [issue] = result.error.issues
  throw new KeyError(`${issue?.path.join('.') || 'The settings'}: ${issue?.message ?? 'make no sense'}.`)
}

function checkDays(days: number): number {
  if (Number.isFinite(days) && days > 0 && days <= daysMax) return days
  throw new KeyError(`A key is good for more than 0 and at most ${daysMax} days.`)
}
