/** Where calls for one model go. */
import type { Member, Pool } from './pool.ts'

export interface Target {
  readonly pool: Pool
  /** The model's name at the upstreams. */
  readonly upstreamModel: string
  /**
   * Upstreams of the pool that offer it, or may offer it since they have not said yet. They may come and go while a
   * call waits: then it is another list, which may be empty for a while.
   */
  readonly members: readonly Member[]
}

/** Says who is there. */
export interface MemberSource {
  /** Counts up with each change. */
  readonly version: number
  membersOf(pool: Pool, upstreamModel: string, isNamed: boolean): readonly Member[]
}

/** A target that follows its fleet. */
export class LiveTarget implements Target {
  readonly pool: Pool
  readonly upstreamModel: string
  #source: MemberSource
  /** The configuration names the model. */
  #isNamed: boolean
  #version: number
  #members: readonly Member[]

  constructor(source: MemberSource, { pool, upstreamModel, members }: Target, isNamed: boolean) {
    this.pool = pool
    this.upstreamModel = upstreamModel
    this.#source = source
    this.#isNamed = isNamed
    this.#version = source.version
    this.#members = members
  }

  get members(): readonly Member[] {
    const { version } = this.#source
    if (version === this.#version) return this.#members
    this.#version = version
    return (this.#members = this.#source.membersOf(this.pool, this.upstreamModel, this.#isNamed))
  }
}

/** A target with one more, for whoever would rather go on with a server that is about to go than with none. */
export class LastResort implements Target {
  readonly pool: Pool
  readonly upstreamModel: string
  #target: Target
  #last: Member
  #known: readonly Member[] = []
  #members: readonly Member[] = []

  constructor(target: Target, last: Member) {
    this.pool = target.pool
    this.upstreamModel = target.upstreamModel
    this.#target = target
    this.#last = last
  }

  get members(): readonly Member[] {
    const { members } = this.#target
    if (this.#last.upstream.hasLeft) return members
    if (members === this.#known) return this.#members
    this.#known = members
    return (this.#members = members.includes(this.#last) ? members : [...members, this.#last])
  }
}
