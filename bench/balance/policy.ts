/** Ways to choose among replicas that are compared: the usual ones, and the production code. */
import { readCall } from '../../src/dialect/read-call.ts'
import type { CallSize } from '../../src/fleet/load.ts'
import { balanceSchema, timeoutsSchema } from '../../src/fleet/pool-options.ts'
import type { Member, Pool } from '../../src/fleet/pool.ts'
import type { ManualClock } from '../../src/ground/manual-clock.ts'
import type { Random } from '../../src/ground/random.ts'
import { Balancer } from '../../src/relay/balance/balancer.ts'
import { PrefixIndex } from '../../src/relay/balance/prefix-index.ts'
import { promptChain } from '../../src/relay/balance/prompt-chain.ts'
import { blockTokens, type TraceCall } from './trace.ts'

export interface PolicyParts {
  readonly clock: ManualClock
  readonly random: Random
  readonly members: readonly Member[]
  /** Tokens of the cache of each. */
  readonly cacheTokens: number
}

/** Where the call goes, and its size there. */
export type Policy = (call: TraceCall, size: CallSize) => { member: Member; size: CallSize }

export interface PolicyKind {
  readonly name: string
  open(parts: PolicyParts): { choose: Policy; balancer?: Balancer }
}

const bytesPerToken = 4

/** A request whose text is different in each block, and the same where the block is. */
export function requestOf({ promptTokens, blocks }: TraceCall): Buffer {
  const text = blocks.map((block, i) => {
    const tokens = Math.min(blockTokens, promptTokens - i * blockTokens)
    return Buffer.alloc(Math.max(1, tokens) * bytesPerToken, `what block ${block} says `)
  })
  const head = Buffer.from('{"model":"model","stream":true,"messages":[{"role":"user","content":"')
  return Buffer.concat([head, ...text, Buffer.from('"}]}')])
}

/** The bytes of a request, without making it. */
export function requestBytes({ promptTokens }: TraceCall): number {
  return promptTokens * bytesPerToken + 73
}

function withBalancer(name: string, affinity: 'auto' | 'none'): PolicyKind {
  return {
    name,
    open: ({ clock, random, members, cacheTokens }) => {
      const balancer = new Balancer({ clock, random, cacheTokens: () => cacheTokens })
      const balance = balanceSchema.parse({ affinity })
      const pool: Pool = { name: 'all', members, timeouts: timeoutsSchema.parse({}), attemptsMax: 5, balance }
      const target = { pool, upstreamModel: 'model', members }
      const bodyless = readCall('chat', Buffer.from('{"model":"model","messages":[1]}'), {})
      return {
        balancer,
        choose: (traced, size) => {
          const call = affinity === 'none' ? bodyless : readCall('chat', requestOf(traced), {})
          const ask = balancer.ask({ target, size, call, caller: '', session: null })
          const member = ask.choose(new Set()) as Member
          return { member, size: ask.send(member) }
        },
      }
    },
  }
}

export const policies: readonly PolicyKind[] = [
  {
    name: 'round robin',
    open: ({ members }) => {
      let turn = 0
      return { choose: (_call, size) => ({ member: members[turn++ % members.length] as Member, size }) }
    },
  },
  {
    name: 'random',
    open: ({ members, random }) => ({
      choose: (_call, size) => ({ member: members[Math.floor(random.unit() * members.length)] as Member, size }),
    }),
  },
  withBalancer('least work', 'none'),
  {
    name: 'longest prefix',
    open: ({ clock, members, cacheTokens }) => {
      const index = new PrefixIndex<Member>({ blocksMax: 2 ** 18 })
      return {
        choose: (traced, size) => {
          const nowMs = clock.monotonicMs()
          const chain = promptChain(readCall('chat', requestOf(traced), {}).body, 'model')
          const held = members.map((member) => index.heldBytes(member, chain, nowMs))
          const member = members[held.indexOf(Math.max(...held))] as Member
          index.note(member, chain, nowMs, { bytesMax: cacheTokens * bytesPerToken, keepMs: Infinity })
          return { member, size }
        },
      }
    },
  },
  withBalancer('Holdfast', 'auto'),
]
