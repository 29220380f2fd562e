/** Causes in the gateway: its processes, its restarts, its journal, its configuration. */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { holdfast, workerPids } from '../crash/gateway.ts'
import { between, named, oneOf, type Opening, type Playing, type Scenario, type Scene } from './scenario.ts'
import { strikeMiddle } from './server-scenarios.ts'
import { at, scripted, sim } from './servers.ts'

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** A gateway of its own before one good server. */
function ofGateway(
  head: Omit<Scenario, 'open' | 'isAlone'>,
  settings: Scene['settings'],
  play: (opening: Opening) => (playing: Playing) => Promise<(string | undefined)[]>,
): Scenario {
  return {
    ...head,
    isAlone: true,
    open: async (opening) => {
      const server = await sim(opening, { engine: { decodeRate: 40 } })
      return {
        upstreams: named(opening.name, [at(server.url, opening)]),
        ...(settings && { settings }),
        play: play(opening),
      }
    },
  }
}

/** The one that has a call in hand, by its own word, which comes every second. */
async function busyWorker({ adminUrl }: Playing['gateway']): Promise<number> {
  const answer = await fetch(`${adminUrl}/readyz`)
  const { workers } = (await answer.json()) as { workers: { pid: number; callsLive?: number }[] }
  const busy = workers.find(({ callsLive = 0 }) => callsLive > 0)
  if (!busy) throw new Error('no worker has a call')
  return busy.pid
}

/** A call that is under way when something happens to the gateway. */
async function underWay(playing: Playing, strike: () => unknown, tokens = 100): Promise<(string | undefined)[]> {
  return [(await strikeMiddle(playing, strike, { tokens, after: 3 })).ray]
}

export const gatewayScenarios: readonly Scenario[] = [
  ofGateway(
    { title: 'a worker is killed in the middle of an answer', expects: 'gateway-crash' },
    { workers: 2 },
    ({ random }) =>
      async (playing) => {
        const pids = await workerPids(playing.gateway)
        const signal = oneOf(random, 'SIGKILL', 'SIGSEGV' as const)
        const rays = await underWay(playing, () => pids.forEach((pid) => process.kill(pid, signal)), 60)
        await wait(4000) // others take it over, and end it
        return rays
      },
  ),
  ofGateway(
    { title: 'a worker is held up for longer than its lease', expects: 'gateway-stalled' },
    { workers: 2, journal: { leaseMs: 1000 } },
    () => async (playing) => {
      const hold = async (): Promise<void> => {
        const pid = await busyWorker(playing.gateway)
        process.kill(pid, 'SIGSTOP')
        await wait(3000)
        process.kill(pid, 'SIGCONT')
      }
      let held: Promise<void> | undefined
      const struck = await strikeMiddle(playing, () => (held = hold()), { tokens: 160, after: 70 })
      await held
      await wait(3000)
      return [struck.ray]
    },
  ),
  ofGateway(
    { title: 'the gateway is stopped while it answers', expects: 'gateway-restart' },
    { workers: 1, limits: { drainMs: 500 } },
    () => async (playing) => {
      const rays = await underWay(playing, () => void playing.gateway.end('SIGTERM'))
      return rays
    },
  ),
  ofGateway(
    { title: 'the gateway is restarted and its old workers run out of time', expects: 'gateway-restart' },
    { workers: 1, limits: { retireMs: 500 } },
    () => async (playing) => {
      const rays = await underWay(playing, () => void holdfast('restart', '--state', playing.gateway.state), 500)
      await wait(4000)
      return rays
    },
  ),
  ofGateway(
    { title: 'the journal is full', expects: 'disk-full' },
    { journal: { totalBytesMax: 40_000, answerBytesMax: 20_000 } },
    ({ random }) =>
      async (playing) => {
        const calls = Array.from({ length: between(random, 4, 6) }, (_, i) =>
          playing.ask({ tokens: 120, prompt: `${'long '.repeat(2000)} ${i}` }),
        )
        const heard = await Promise.all(calls)
        return heard
          .filter(({ code }) => code === 'HF_JOURNAL_FULL')
          .map(({ ray }) => ray)
          .slice(0, 2)
      },
  ),
  {
    title: 'an upstream that is the gateway itself',
    expects: 'loop',
    isAlone: true,
    open: async (opening) => {
      const { name } = opening
      let gatewayUrl = ''
      const url = await scripted(opening, (request, response, body) => {
        const { host: _, connection: __, ...headers } = request.headers
        void fetch(`${gatewayUrl}${request.url}`, {
          method: 'POST',
          headers: headers as Record<string, string>,
          body,
        }).then(
          async (answer) => {
            response.writeHead(answer.status, { 'content-type': 'application/json' }).end(await answer.text())
          },
          () => response.destroy(),
        )
      })
      return {
        upstreams: named(name, [at(url, opening)]),
        play: async ({ ask, gateway }) => {
          gatewayUrl = gateway.url
          return [(await ask({ isStream: false })).ray]
        },
      }
    },
  },
  {
    title: 'a URL that leads to another program',
    expects: 'bad-configuration',
    open: async (opening) => {
      const { name, random } = opening
      const page = oneOf(random, '<html><title>404 Not Found</title></html>', '')
      const url = await scripted(opening, (_, response) => {
        response.writeHead(404, { 'content-type': page ? 'text/html' : 'text/plain' }).end(page || '404 page not found')
      })
      return {
        upstreams: named(name, [at(url, opening)]),
        play: async ({ ask }) => [(await ask({ isStream: oneOf(random, true, false) })).ray],
      }
    },
  },
  {
    title: 'a route that no server of the model speaks',
    expects: 'bad-configuration',
    open: async (opening) => {
      const server = await sim(opening)
      return {
        upstreams: named(opening.name, [at(server.url, opening, { speaks: ['chat'] })]),
        play: async ({ ask }) => {
          const body = JSON.stringify({ model: opening.model, input: 'hello' })
          return [(await ask({ path: '/v1/embeddings', body })).ray]
        },
      }
    },
  },
  {
    title: 'planned maintenance of the only server, or of the model',
    expects: 'planned-maintenance',
    open: async (opening) => {
      const { name, model, random } = opening
      const server = await sim(opening)
      const about = oneOf(random, ['--upstream', `${name}-a`], ['--model', model])
      const minutes = String(between(random, 5, 2000))
      const from = new Date(Date.now() - 60_000 * between(random, 0, 4)).toISOString()
      return {
        upstreams: named(name, [at(server.url, opening)]),
        play: async ({ ask, gateway }) => {
          await ask()
          const window = ['--title', 'New drivers', '--from', from, '--minutes', minutes, ...about]
          const added = await holdfast('maintenance', 'add', ...window, '--state', gateway.state)
          if (added.code !== 0) throw new Error(added.output)
          for (let i = 0; i < 50; i++) {
            const { code, ray } = await ask({ isStream: oneOf(random, true, false) })
            if (code === 'HF_MAINTENANCE') return [ray]
            await wait(200)
          }
          throw new Error('the window never closed the model')
        },
      }
    },
  },
  ofGateway(
    { title: 'a change of the configuration that breaks an upstream', expects: 'config-change' },
    { workers: 1 },
    ({ name }) =>
      async ({ ask, gateway }) => {
        await ask()
        const file = join(gateway.state, 'holdfast.json')
        const config = JSON.parse(await readFile(file, 'utf8')) as { upstreams: Record<string, { url: string }> }
        const upstream = config.upstreams[`${name}-a`]
        if (upstream) upstream.url = 'http://127.0.0.1:9/v1'
        await writeFile(file, JSON.stringify(config))
        await holdfast('restart', '--state', gateway.state)
        return [(await ask()).ray]
      },
  ),
]
