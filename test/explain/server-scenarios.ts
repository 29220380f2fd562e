/** Causes in model servers: down, killed, stopped, hung, failing, talking nonsense, poisoned, badly deployed. */
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort } from '../crash/gateway.ts'
import { startSim } from '../../lab/start-sim.ts'
import { askTimes, type Heard } from './ask.ts'
import { between, named, oneOf, type Opening, type Playing, type Scenario } from './scenario.ts'
import { at, child, enginePids, order, scripted, sim } from './servers.ts'

/** A call that is broken in the middle: resolves with its answer, `strike` is called once some of it has come. */
export async function strikeMiddle(
  { ask }: Pick<Playing, 'ask'>,
  strike: () => unknown,
  options: { tokens?: number; after?: number; prompt?: string } = {},
): Promise<Heard> {
  let pieces = 0
  const onPiece = (): undefined => {
    if (++pieces === (options.after ?? 2)) void strike()
  }
  return ask({ tokens: options.tokens ?? 60, prompt: options.prompt ?? 'middle', onPiece })
}

function killAll({ gateway }: Playing, signal: NodeJS.Signals): void {
  for (const pid of enginePids(gateway)) process.kill(pid, signal)
}

/** Slow enough that there is a middle. */
const slow = { rate: 40 }
const slowEngine = { engine: { decodeRate: 40 } }

async function children(opening: Opening, count: number): Promise<Awaited<ReturnType<typeof child>>[]> {
  return Promise.all(Array.from({ length: count }, () => child(opening, slow)))
}

export const serverScenarios: readonly Scenario[] = [
  {
    title: 'nothing listens at the port',
    expects: 'server-down',
    open: async ({ random, name, model }) => {
      const ports = await Promise.all(Array.from({ length: between(random, 1, 3) }, () => freePort()))
      const isStream = oneOf(random, true, false)
      return {
        upstreams: named(
          name,
          ports.map((port) => at(`http://127.0.0.1:${port}`, { model })),
        ),
        play: async ({ ask }) => [(await ask({ isStream })).ray],
      }
    },
  },
  {
    title: 'a server is killed in the middle of an answer',
    expects: 'server-crash',
    open: async (opening) => {
      const { random, name } = opening
      const [victim, ...others] = await children(opening, between(random, 1, 2))
      const isWarm = oneOf(random, true, false)
      return {
        upstreams: named(
          name,
          [victim, ...others].map((server, i) => at(server?.url ?? '', opening, { priority: i })),
        ),
        play: async (playing) => {
          if (isWarm) await playing.ask()
          const beside = oneOf(random, true, false) ? strikeMiddle(playing, () => {}, { prompt: 'beside' }) : null
          const struck = await strikeMiddle(playing, () => victim?.kill('SIGKILL'), { after: between(random, 1, 6) })
          return [struck.ray, (await beside)?.ray]
        },
      }
    },
  },
  {
    title: 'a server is killed between two calls',
    expects: 'server-crash',
    open: async (opening) => {
      const { random, name } = opening
      const servers = await children(opening, between(random, 1, 2))
      return {
        upstreams: named(
          name,
          servers.map(({ url }, i) => at(url, opening, { priority: i })),
        ),
        play: async ({ ask }) => {
          await askTimes(between(random, 1, 3), () => ask())
          await servers[0]?.kill('SIGKILL')
          return [(await ask({ isStream: oneOf(random, true, false) })).ray]
        },
      }
    },
  },
  {
    title: 'a server is killed and is back a moment later',
    expects: 'server-crash',
    open: async (opening) => {
      const { parts, random, name, model } = opening
      const [victim, other] = await children(opening, 2)
      const { port } = new URL(victim?.url ?? '')
      return {
        upstreams: named(
          name,
          [victim, other].map((server, i) => at(server?.url ?? '', opening, { priority: i })),
        ),
        play: async (playing) => {
          await askTimes(between(random, 1, 3), () => playing.ask())
          const beside = oneOf(random, true, false) ? strikeMiddle(playing, () => {}, { prompt: 'beside' }) : null
          const struck = await strikeMiddle(playing, () => victim?.kill('SIGKILL'), { after: between(random, 2, 6) })
          const back = await startSim({ model, port: Number(port), ...slow })
          parts.defer(() => back.stop())
          await beside
          await askTimes(2, () => playing.ask())
          return [struck.ray]
        },
      }
    },
  },
  {
    title: 'a server process is stopped (SIGSTOP)',
    expects: 'server-hung',
    open: async (opening) => {
      const { random, name } = opening
      const servers = await children(opening, between(random, 1, 2))
      const isMiddle = oneOf(random, true, false)
      return {
        upstreams: named(
          name,
          servers.map(({ url }, i) => at(url, opening, { priority: i })),
        ),
        play: async (playing) => {
          const [victim] = servers
          await askTimes(between(random, 1, 2), () => playing.ask())
          const stop = (): Promise<void> | undefined => victim?.kill('SIGSTOP')
          if (!isMiddle) await stop()
          const struck = await (isMiddle ? strikeMiddle(playing, stop) : playing.ask())
          return [struck.ray]
        },
      }
    },
  },
  {
    title: 'an engine is deadlocked, its health page answers',
    expects: 'server-hung',
    open: async (opening) => {
      const { random, name } = opening
      const servers = await Promise.all(Array.from({ length: between(random, 1, 2) }, () => sim(opening, slowEngine)))
      return {
        upstreams: named(
          name,
          servers.map(({ url }, i) => at(url, opening, { priority: i })),
        ),
        play: async (playing) => {
          await playing.ask()
          const lock = (): unknown => servers[0]?.order({ kind: 'deadlock' })
          const calls = Array.from({ length: between(random, 1, 3) }, (_, i) =>
            strikeMiddle(playing, i === 0 ? lock : () => {}, { prompt: `lock ${i}` }),
          )
          return (await Promise.all(calls)).map(({ ray }) => ray).slice(0, 1)
        },
      }
    },
  },
  {
    title: 'one answer falls silent, the others go on',
    expects: 'answer-stalled',
    open: async (opening) => {
      const { random, name } = opening
      const server = await sim(opening, slowEngine)
      return {
        upstreams: named(name, [at(server.url, opening)]),
        play: async (playing) => {
          await playing.ask()
          server.order({
            kind: 'stall',
            count: 1,
            afterTokens: between(random, 1, 8),
            match: { promptContains: 'victim' },
          })
          const beside = askTimes(4, () => playing.ask({ tokens: 30, prompt: 'beside' }))
          const struck = await playing.ask({ tokens: 60, prompt: 'victim' })
          await beside
          return [struck.ray]
        },
      }
    },
  },
  {
    title: 'a server answers with errors of its own',
    expects: 'server-error',
    open: async (opening) => {
      const { random, name } = opening
      const servers = await Promise.all(Array.from({ length: between(random, 1, 2) }, () => sim(opening)))
      const fault = oneOf(
        random,
        { kind: '500' } as const,
        { kind: 'error-event', afterTokens: between(random, 0, 4) } as const,
      )
      return {
        upstreams: named(
          name,
          servers.map(({ url }, i) => at(url, opening, { priority: i })),
        ),
        play: async ({ ask }) => {
          await askTimes(between(random, 1, 3), () => ask())
          servers[0]?.order(fault)
          return [(await ask({ tokens: 20 })).ray]
        },
      }
    },
  },
  {
    title: 'an engine is out of memory and says so',
    expects: 'out-of-memory',
    open: async (opening) => {
      const { random, name, model } = opening
      const words = oneOf(
        random,
        'CUDA out of memory. Tried to allocate 2.00 GiB',
        'failed to allocate: std::bad_alloc',
        'torch.OutOfMemoryError: HIP out of memory',
      )
      const url = await scripted(opening, (_, response) => {
        response
          .writeHead(500, { 'content-type': 'application/json' })
          .end(JSON.stringify({ error: { message: words } }))
      })
      return {
        upstreams: named(name, [at(url, { model })]),
        play: async ({ ask }) => [(await ask({ isStream: oneOf(random, true, false) })).ray],
      }
    },
  },
  {
    title: 'a server of ours leaks until the system kills it',
    expects: 'out-of-memory',
    isAlone: true,
    open: async ({ random }) => ({
      upstreams: {},
      isOfLab: true,
      play: async (playing) => {
        for (const { url } of playing.gateway.upstreams) await order(url, { kind: 'leak', bytes: 6 * 2 ** 20 })
        const ask: Playing['ask'] = (each) => playing.ask({ tokens: 2, ...each, model: 'lab-model' })
        await askTimes(between(random, 60, 70), () => ask())
        await sleep(1500)
        const struck = await strikeMiddle({ ask }, () => killAll(playing, 'SIGKILL'), { tokens: 600 })
        return [struck.ray]
      },
    }),
  },
  {
    title: 'a server of ours is killed',
    expects: 'server-crash',
    isAlone: true,
    open: async ({ random }) => ({
      upstreams: {},
      isOfLab: true,
      play: async (playing) => {
        const signal = oneOf(random, 'SIGKILL', 'SIGSEGV' as const)
        const ask: Playing['ask'] = (each) => playing.ask({ ...each, model: 'lab-model' })
        return [(await strikeMiddle({ ask }, () => killAll(playing, signal), { tokens: 600 })).ray]
      },
    }),
  },
  {
    title: 'a server ends its streams early, in good order',
    expects: 'answer-cut-short',
    open: async (opening) => {
      const { random, name } = opening
      const server = await sim(opening, slowEngine)
      return {
        upstreams: named(name, [at(server.url, opening)]),
        play: async ({ ask }) => {
          await ask()
          server.order({ kind: 'truncate', afterTokens: between(random, 1, 10) })
          return [(await ask({ tokens: 40 })).ray]
        },
      }
    },
  },
  {
    title: 'what comes is no answer',
    expects: 'not-an-answer',
    open: async (opening) => {
      const { random, name } = opening
      const server = await sim(opening)
      const kind = oneOf(random, 'garbage', 'bad-json-200', 'empty-200', 'malformed-chunk')
      return {
        upstreams: named(name, [at(server.url, opening)]),
        play: async ({ ask }) => {
          if (oneOf(random, true, false)) await ask()
          server.order({ kind })
          const isStream = kind === 'malformed-chunk' || (kind !== 'bad-json-200' && oneOf(random, true, false))
          return [(await ask({ isStream, tokens: 20 })).ray]
        },
      }
    },
  },
  {
    title: 'a request that kills each server that gets it',
    expects: 'poison',
    open: async (opening) => {
      const { random, name } = opening
      const count = between(random, 2, 3)
      const fault = JSON.stringify({ kind: 'crash-on-poison' })
      const servers = await Promise.all(Array.from({ length: count }, () => child(opening, { ...slow, fault })))
      return {
        upstreams: named(
          name,
          servers.map(({ url }) => at(url, opening)),
        ),
        play: async ({ ask }) => {
          await askTimes(between(random, 1, 3), () => ask())
          return [(await ask({ prompt: 'POISON', isStream: oneOf(random, true, false) })).ray]
        },
      }
    },
  },
  {
    title: 'a release that fails everything takes the place of a good one',
    expects: 'server-deploy',
    open: async (opening) => {
      const { parts, random, name, model } = opening
      const before = await child(opening, slow)
      const { port } = new URL(before.url)
      const fault = JSON.stringify(oneOf(random, { kind: '500' }, { kind: 'garbage' }))
      return {
        upstreams: named(name, [at(before.url, opening)]),
        play: async ({ ask }) => {
          await askTimes(3, () => ask())
          await before.stop()
          await askTimes(2, () => ask())
          const after = await startSim({ model, port: Number(port), fault })
          parts.defer(() => after.stop())
          await sleep(2500) // the roll call finds it
          const heard = await askTimes(between(random, 2, 3), () => ask())
          return [heard.at(-1)?.ray]
        },
      }
    },
  },
  {
    title: 'a server does not have its model',
    expects: 'model-missing',
    open: async (opening) => {
      const { name } = opening
      const server = await sim({ ...opening, model: 'another' })
      return {
        upstreams: named(name, [at(server.url, opening)]),
        play: async ({ ask }) => [(await ask()).ray],
      }
    },
  },
]
