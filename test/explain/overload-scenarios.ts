/** Causes of too much work: full, slow and missing servers, short deadlines, and a gateway that is full itself. */
import { askTimes } from './ask.ts'
import { between, named, oneOf, type Scenario } from './scenario.ts'
import { strikeMiddle } from './server-scenarios.ts'
import { at, child, sim } from './servers.ts'

/** The rays of those that got this code, at most so many. */
function withCode(
  heard: readonly { ray: string | undefined; code: string | null }[],
  codes: RegExp,
  count = 2,
): (string | undefined)[] {
  return heard
    .filter(({ code }) => code !== null && codes.test(code))
    .map(({ ray }) => ray)
    .slice(0, count)
}

const refusal = /HF_(OVERLOADED|QUEUE_TIMEOUT)/

export const overloadScenarios: readonly Scenario[] = [
  {
    title: 'a server says that it is full',
    expects: 'server-busy',
    open: async (opening) => {
      const { random, name } = opening
      const servers = await Promise.all(Array.from({ length: between(random, 1, 2) }, () => sim(opening)))
      return {
        upstreams: named(
          name,
          servers.map(({ url }) => at(url, opening)),
        ),
        play: async ({ ask }) => {
          await askTimes(between(random, 0, 2), () => ask())
          for (const server of servers) server.order({ kind: '503', retryAfterMs: between(random, 2, 20) * 1000 })
          return [(await ask({ isStream: oneOf(random, true, false) })).ray]
        },
      }
    },
  },
  {
    title: 'far more calls than the servers can do',
    expects: 'servers-full',
    isAlone: true,
    open: async (opening) => {
      const { random, name } = opening
      const server = await sim(opening, { engine: { slots: 2, decodeRate: 20 } })
      const wait = between(random, 300, 900)
      return {
        upstreams: named(name, [at(server.url, opening)]),
        settings: { overload: { limits: 'fixed', callsMax: 2, waitMs: { standard: wait } } },
        play: async ({ ask }) => {
          const heard = await Promise.all(Array.from({ length: between(random, 10, 16) }, () => ask({ tokens: 40 })))
          return withCode(heard, refusal)
        },
      }
    },
  },
  {
    title: 'one of two servers is lost, and the other is not enough',
    expects: 'servers-missing',
    isAlone: true,
    open: async (opening) => {
      const { random, name } = opening
      const servers = await Promise.all([child(opening, { rate: 20 }), child(opening, { rate: 20 })])
      return {
        upstreams: named(
          name,
          servers.map(({ url }) => at(url, opening)),
        ),
        settings: { overload: { limits: 'fixed', callsMax: 3, waitMs: { standard: between(random, 300, 900) } } },
        play: async ({ ask }) => {
          await askTimes(2, () => ask({ tokens: 4 }))
          await servers[0]?.kill('SIGKILL')
          await askTimes(3, () => ask({ tokens: 4 }))
          const heard = await Promise.all(Array.from({ length: between(random, 8, 12) }, () => ask({ tokens: 40 })))
          return withCode(heard, refusal)
        },
      }
    },
  },
  {
    title: 'a server that has become slow',
    expects: 'slow-engine',
    open: async (opening) => {
      const { random, name } = opening
      const server = await sim(opening)
      const lateMs = between(random, 1500, 2000)
      return {
        upstreams: named(name, [at(server.url, opening)]),
        timeouts: { firstTokenMs: 1000 },
        play: async ({ ask }) => {
          await askTimes(4, () => ask({ isStream: false }))
          server.order({ kind: 'slow-first-token', ms: lateMs })
          const beside = Array.from({ length: 2 }, () => ask({ isStream: false }))
          const struck = await ask({ isStream: true })
          await Promise.all(beside)
          return [struck.ray]
        },
      }
    },
  },
  {
    title: 'a caller that gives too little time',
    expects: 'deadline-too-short',
    open: async (opening) => {
      const { random, name } = opening
      const server = await sim(opening, { engine: { decodeRate: 30 } })
      return {
        upstreams: named(name, [at(server.url, opening)]),
        play: async ({ ask }) => {
          await askTimes(between(random, 0, 3), () => ask({ tokens: 20 }))
          const headers = { 'x-request-timeout': (between(random, 2, 9) / 10).toFixed(1) }
          return [(await ask({ tokens: 90, headers, isStream: oneOf(random, true, false) })).ray]
        },
      }
    },
  },
  {
    title: 'several servers fail, each in its way',
    expects: 'attempts-spent',
    open: async (opening) => {
      const { random, name } = opening
      const servers = await Promise.all([sim(opening), sim(opening), sim(opening)])
      const kinds = ['500', 'empty-200', '429'] as const
      return {
        upstreams: named(
          name,
          servers.map(({ url }) => at(url, opening)),
        ),
        play: async ({ ask }) => {
          for (const [i, server] of servers.entries()) server.order({ kind: kinds[i] ?? '500', retryAfterMs: 20_000 })
          return [(await ask({ isStream: oneOf(random, true, false) })).ray]
        },
      }
    },
  },
  {
    title: 'a gateway with as many calls as it may have',
    expects: 'gateway-full',
    isAlone: true,
    open: async (opening) => {
      const { random, name } = opening
      const server = await sim(opening, { engine: { decodeRate: 30 } })
      const callsLiveMax = between(random, 1, 3)
      return {
        upstreams: named(name, [at(server.url, opening)]),
        settings: { limits: { callsLiveMax } },
        play: async (playing) => {
          const live = Array.from({ length: callsLiveMax }, (_, i) =>
            strikeMiddle(playing, () => {}, { prompt: `${i}` }),
          )
          await new Promise((resolve) => setTimeout(resolve, 500))
          const heard = await askTimes(2, () => playing.ask())
          await Promise.all(live)
          return withCode(heard, /HF_QUEUE_FULL/)
        },
      }
    },
  },
  {
    title: 'a gateway that is short of memory',
    expects: 'gateway-short',
    isAlone: true,
    open: async (opening) => {
      const { name } = opening
      const server = await sim(opening)
      return {
        upstreams: named(name, [at(server.url, opening)]),
        // Less than a worker needs for itself.
        settings: { protection: { memoryBytesMax: between(opening.random, 40, 60) * 2 ** 20 } },
        play: async ({ ask }) => {
          await new Promise((resolve) => setTimeout(resolve, 3000))
          const heard = await askTimes(2, () => ask())
          return heard.map(({ ray }) => ray)
        },
      }
    },
  },
]
