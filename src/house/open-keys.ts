/**
 * Who may call, and how much: keys of the configuration, those that operators make while the gateway runs, and what
 * they have used. Operators write into a file; each worker sees a change of it within a moment.
 */
import { join } from 'node:path'
import type { Config } from '../config.ts'
import { Callers } from '../edge/caller.ts'
import type { KeySettings } from '../edge/key-options.ts'
import { Allowances } from '../edge/keys/allowances.ts'
import type { TokenDesk } from '../edge/keys/token-desk.ts'
import type { Clock } from '../ground/clock.ts'
import type { Log } from '../observe/log.ts'
import type { AllowanceStore } from '../store/allowance-store.ts'
import { MemoryAllowances } from '../store/memory-allowances.ts'
import { allowancesFileName, SqliteAllowances } from '../store/sqlite-allowances.ts'
import { isKept, keysFileName, SqliteKeys } from '../store/sqlite-keys.ts'
import { inodeOf } from '../store/sqlite-lay-aside.ts'
import { readSecret } from './secrets.ts'

/** A key that is revoked is refused this much later, at most. */
const lookMs = 250
/** Answers that end with a word have this long to send it; what else goes to the holder of the key is cut then. */
const lastWordMs = 600

export interface Keys {
  readonly callers: Callers
  readonly allowances: Allowances
}

interface KeyParts {
  readonly clock: Clock
  readonly log: Log
  /** Name of this process among those that share the files. */
  readonly node: string
  /** A key is good no more. */
  readonly onGone: (name: string) => void
}

/** @throws when what keys use cannot be kept. */
export async function openKeys(
  parts: AsyncDisposableStack,
  config: Config,
  { clock, log, node, onGone }: KeyParts,
): Promise<Keys> {
  const secrets = config.keys.map((key, i) => ({ ...key, key: readSecret(key.key, `keys.${i}.key`) }))
  const callers = new Callers(secrets, clock, await openTokens(config, clock))
  const store = parts.use(new LateStore(() => openAllowances(config, clock, node)))
  const priceOf = (model: string) => config.models[model]?.price ?? null
  const watch = parts.use(new KeyWatch(join(config.stateDir, keysFileName), log))
  const look = (): void => {
    const all = watch.look()
    // Where the file is there and cannot be read, nobody may call rather than everybody.
    if (watch.isThere) callers.needKeys()
    for (const name of all ? callers.manage(all) : []) {
      log.info({ key: name }, 'a key is good no more')
      onGone(name)
      clock.after(lastWordMs, () => callers.cut(name))
    }
  }
  look()
  parts.use(clock.every(lookMs, look))
  return { callers, allowances: new Allowances({ clock, log, store, priceOf }) }
}

/** Loaded where somebody shows tokens. */
async function openTokens({ users }: Config, clock: Clock): Promise<TokenDesk | null> {
  if (users.length === 0) return null
  const { TokenDesk: Desk } = await import('../edge/keys/token-desk.ts')
  const { verifierOf } = await import('../edge/keys/verify-token.ts')
  return new Desk(
    users.map((options) => ({ options, verify: verifierOf(options, clock) })),
    clock,
  )
}

function openAllowances({ stateDir, journal }: Config, clock: Clock, node: string): AllowanceStore {
  if (journal.engine === 'memory') return new MemoryAllowances(clock)
  return new SqliteAllowances(join(stateDir, allowancesFileName), clock, node)
}

/** Opened by the first call that needs it: most gateways have no key with limits. */
class LateStore implements AllowanceStore {
  #open: () => AllowanceStore
  #store: AllowanceStore | null = null

  constructor(open: () => AllowanceStore) {
    this.#open = open
  }

  take(ask: Parameters<AllowanceStore['take']>[0]): ReturnType<AllowanceStore['take']> {
    this.#store ??= this.#open()
    return this.#store.take(ask)
  }

  give(given: Parameters<AllowanceStore['give']>[0]): void {
    this.#store?.give(given)
  }

  bury(node: string): void {
    this.#store?.bury(node)
  }

  used(key?: string): ReturnType<AllowanceStore['used']> {
    return this.#store?.used(key) ?? new Map()
  }

  [Symbol.dispose](): void {
    this.#store?.[Symbol.dispose]()
  }
}

/** Looks whether the file of keys has changed. It is there once an operator has made a key. */
class KeyWatch implements Disposable {
  #path: string
  #log: Log
  #store: SqliteKeys<KeySettings> | null = null
  /** The file that is open: another may have been put in its place. */
  #file: number | null = null
  #version = -1
  #hasFailed = false

  constructor(path: string, log: Log) {
    this.#path = path
    this.#log = log
  }

  get isThere(): boolean {
    return this.#store !== null || isKept(this.#path)
  }

  /** All keys, where something has changed; null where nothing has, or where it cannot be read now. */
  look(): ReturnType<SqliteKeys<KeySettings>['all']> | null {
    try {
      const file = inodeOf(this.#path)
      // One that was taken away is remembered until another is there.
      if (file !== null && file !== this.#file) this.#open(file)
      if (!this.#store) return null
      const version = this.#store.version()
      if (version === this.#version) return null
      const all = this.#store.all()
      this.#version = version
      this.#hasFailed = false
      return all
    } catch (error) {
      if (!this.#hasFailed) this.#log.error({ detail: String(error) }, 'the keys cannot be read: those known stay good')
      this.#hasFailed = true
      return null
    }
  }

  #open(file: number): void {
    const store = new SqliteKeys<KeySettings>(this.#path)
    this.#store?.[Symbol.dispose]()
    this.#store = store
    this.#file = file
    this.#version = -1
  }

  [Symbol.dispose](): void {
    this.#store?.[Symbol.dispose]()
  }
}
