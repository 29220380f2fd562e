/**
 * A whole world, drawn from one number: how many gateways, servers and clients, what they are like, what
 * befalls them.
 */
import { type Profile, type ProfileName, profileNames, profiles } from '../../lab/profile.ts'
import type { Route } from '../../src/dialect/call.ts'
import type { UpstreamKind } from '../../src/fleet/upstream-kind.ts'
import { Chance } from '../world/chance.ts'
import type { Delay } from '../world/network.ts'
import type { ServerTraits } from '../world/server-side.ts'
import type { ReaderPlan, StoryPlan } from '../world/story.ts'
import { drawFaults, type WorldFault } from './world-fault.ts'

/** A model server in numbers and names. */
export interface ServerPlan extends Omit<ServerTraits, 'profile'> {
  readonly imitates: ProfileName
  /** What it makes of a last message of the assistant, whatever its kind usually does. */
  readonly prefill: Profile['prefill']
}

/** Plain data, so that it can be kept in a file. */
export interface Scenario {
  readonly seed: number
  readonly gateways: number
  readonly servers: readonly ServerPlan[]
  readonly stories: readonly StoryPlan[]
  readonly faults: readonly WorldFault[]
  readonly delay: Delay
  /** The most that the disk takes, milliseconds; null for one that takes no time. */
  readonly diskMs: number | null
  /** Bytes that may wait for one caller. */
  readonly bufferBytesMax: number
  readonly leaseMs: number
  /** Larger requests are not kept for other gateways. */
  readonly requestBytesMax: number
  /** Calls are sent twice when their first token has not come by then; left out, never. */
  readonly hedgesAfterMs?: number
}

/** New answers are asked for, and faults begin, before this. */
export const busyMs = 10_000

const kinds = ['vllm', 'llamacpp', 'ollama', 'openai', 'compatible'] as const satisfies readonly UpstreamKind[]
const routes: readonly Route[] = ['chat', 'chat', 'chat', 'completions', 'messages', 'responses']

export function drawScenario(seed: number): Scenario {
  const chance = new Chance(seed)
  const shape = chance.fork('shape')
  const hedge = chance.fork('hedge')
  const gateways = shape.whole(1, 3)
  const serverCount = shape.whole(2, 4)
  const isLong = shape.happens(0.06)
  const servers = Array.from({ length: serverCount }, (_, i) => drawServer(chance.fork(`server ${i}`), isLong))
  const stories = Array.from({ length: shape.whole(1, 7) }, (_, i) => drawStory(chance.fork(`story ${i}`), i, isLong))
  const place = { gateways, servers: servers.length, stories: stories.length, untilMs: busyMs }
  return {
    seed,
    gateways,
    servers,
    stories,
    faults: drawFaults(chance.fork('faults'), place),
    delay: shape.pick<Delay>([
      [0.2, 1],
      [1, 5],
      [1, 60],
    ]),
    diskMs: shape.pick([null, 2, 2, 5, 30]),
    bufferBytesMax: shape.pick([600, 4000, 64_000]),
    leaseMs: shape.pick([1000, 2500]),
    requestBytesMax: shape.happens(0.1) ? 0 : 2 ** 20,
    ...(hedge.happens(0.6) && { hedgesAfterMs: hedge.pick([50, 100, 250, 1000]) }),
  }
}

/** The gateways know the kind of most servers; some are not what they are taken for. */
function drawServer(chance: Chance, isLong: boolean): ServerPlan {
  const kind = chance.pick(kinds)
  const imitates = kind === 'compatible' ? chance.pick(profileNames) : kind
  const drawn = chance.pick(['asked', 'open', 'new-turn', 'refused'] as const)
  // What is known of vLLM is relied on: it continues a message when it is asked to, or refuses, but never begins anew.
  const odd = kind === 'vllm' && drawn === 'new-turn' ? 'asked' : drawn
  return {
    kind,
    imitates,
    prefill: chance.happens(0.2) ? odd : profiles[imitates].prefill,
    // vLLM and llama.cpp tell what they were given only when they are asked to.
    echoesPrefix: chance.happens(0.3) && kind !== 'vllm' && kind !== 'llamacpp',
    firstTokenMs: Math.round(chance.between(20, 300)),
    tokenMs: chance.pick(isLong ? [2, 10] : [2, 10, 40, 100]),
  }
}

export function traitsOf({ imitates, prefill, ...rest }: ServerPlan): ServerTraits {
  const profile = profiles[imitates]
  // A server that is only compatible has the routes that it is taken to have.
  const routes = rest.kind === 'compatible' ? profiles.vllm.routes : profile.routes
  return { ...rest, profile: { ...profile, routes, prefill, key: 'none' } }
}

function drawStory(chance: Chance, at: number, isLong: boolean): StoryPlan {
  const isStream = isLong || chance.happens(0.85)
  const tokens = isLong ? chance.whole(800, 1500) : chance.whole(1, 60)
  const eventCount = tokens
  const joinCount = isStream && chance.happens(0.3) ? chance.whole(1, 2) : 0
  const readers = Array.from({ length: 1 + joinCount }, (_, i) =>
    drawReader(chance, `c${at}${'abc'[i]}`, i > 0, eventCount),
  )
  return {
    name: `story-${at}`,
    caller: chance.pick(['', 'ann', 'bob']),
    route: chance.pick(routes),
    isStream,
    isStored: chance.happens(0.3),
    tokens,
    tokensMax: chance.happens(0.15) ? chance.whole(1, tokens) : null,
    idempotencyKey: chance.happens(0.15) ? `key-${at}` : null,
    onDisconnect: chance.happens(0.1) ? 'cancel' : 'detach',
    beginsMs: Math.round(chance.between(500, busyMs)),
    readers,
    cancelsAfterMs: chance.happens(0.12) ? chance.whole(0, 2000) : null,
  }
}

function drawReader(chance: Chance, name: string, isLater: boolean, eventCount: number): ReaderPlan {
  const place = (): number => chance.whole(1, Math.max(1, eventCount))
  const dropCount = chance.happens(0.4) ? chance.whole(1, 4) : 0
  const drops = Array.from({ length: dropCount }, () => ({
    atCount: place(),
    awayMs: chance.happens(0.8) ? chance.whole(0, 500) : chance.whole(500, 6000),
  }))
  return {
    name,
    afterMs: isLater ? chance.whole(0, 3000) : 0,
    drops: drops.sort((a, b) => a.atCount - b.atCount),
    rest: chance.happens(0.15) ? { atCount: place(), ms: chance.whole(100, 8000) } : null,
    leavesAt: chance.happens(isLater ? 0.2 : 0.08) ? place() : null,
    repostsAt: !isLater && chance.happens(0.1) ? place() : null,
  }
}
