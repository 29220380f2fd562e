/** Held-out cases in the gateway: deaths, restarts, changes of its configuration, a disk that is really full. */
import { closeSync, openSync, rmSync, writeSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { holdfast, startGateway, workerPids } from '../../crash/gateway.ts'
import { askTimes } from '../ask.ts'
import { between, named, oneOf, type Opening, type Scenario } from '../scenario.ts'
import { strikeMiddle } from '../server-scenarios.ts'
import { at, sim } from '../servers.ts'
import { openTunnel } from './tunnel.ts'

interface File {
  upstreams: Record<string, Record<string, unknown>>
  models?: Record<string, object>
}

async function change(state: string, edit: (config: File) => void): Promise<void> {
  const path = join(state, 'holdfast.json')
  const config = JSON.parse(await readFile(path, 'utf8')) as File
  edit(config)
  await writeFile(path, JSON.stringify(config))
}

/** A program that starts the command, and can be replaced by one that does not. */
async function breakable(parts: AsyncDisposableStack): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-build-'))
  parts.defer(() => rm(folder, { recursive: true, force: true }))
  const program = join(folder, 'holdfast.mjs')
  const command = new URL('../../../src/cli/holdfast.ts', import.meta.url).href
  await writeFile(program, `await import(${JSON.stringify(command)})\n`)
  return program
}

/** Another program's file takes what is left. */
function fill(folder: string): string {
  const path = join(folder, 'of-another-program')
  const file = openSync(path, 'w')
  for (const bytes of [65_536, 4096, 512]) {
    try {
      for (let i = 0; i < 100_000; i++) writeSync(file, Buffer.alloc(bytes))
    } catch {
      // full
    }
  }
  closeSync(file)
  return path
}

/** The worker is killed right after a restart that failed, while what it was to read is broken. */
function afterBadRestart(
  head: Omit<Scenario, 'open' | 'isAlone'>,
  spoil: (file: string, program: string, opening: Opening) => Promise<() => Promise<void>>,
): Scenario {
  return {
    ...head,
    isAlone: true,
    open: async (opening) => {
      const { parts, random, name } = opening
      const server = await sim(opening, { engine: { decodeRate: 40 } })
      const program = await breakable(parts)
      return {
        upstreams: named(name, [at(server.url, opening)]),
        settings: { workers: 1 },
        program,
        play: async (playing) => {
          const { gateway } = playing
          await playing.ask()
          const mend = await spoil(join(gateway.state, 'holdfast.json'), program, opening)
          let restarted = Promise.resolve()
          const strike = async (): Promise<void> => {
            await holdfast('restart', '--state', gateway.state)
            for (const pid of await workerPids(gateway)) process.kill(pid, 'SIGKILL')
          }
          const after = between(random, 2, 10)
          const struck = await strikeMiddle(playing, () => (restarted = strike()), { tokens: 400, after })
          await restarted
          await sleep(between(random, 2000, 5000))
          await mend()
          await sleep(16_000)
          return [struck.ray]
        },
      }
    },
  }
}

export const gatewayCases: readonly Scenario[] = [
  {
    title: 'the only worker is killed in the middle of an answer',
    expects: 'gateway-crash',
    isAlone: true,
    open: async (opening) => {
      const { random, name } = opening
      const server = await sim(opening, { engine: { decodeRate: 40 } })
      return {
        upstreams: named(name, [at(server.url, opening)]),
        settings: { workers: 1 },
        play: async (playing) => {
          const pids = await workerPids(playing.gateway)
          const signal = oneOf(random, 'SIGKILL', 'SIGABRT', 'SIGBUS' as const)
          const strike = (): void => pids.forEach((pid) => process.kill(pid, signal))
          const struck = await strikeMiddle(playing, strike, { tokens: 60, after: between(random, 2, 10) })
          await sleep(5000)
          return [struck.ray]
        },
      }
    },
  },
  {
    title: 'all processes of the gateway are killed, and it is started again',
    expects: 'gateway-crash',
    isAlone: true,
    open: async (opening) => {
      const { parts, random, name } = opening
      const server = await sim(opening, { engine: { decodeRate: 40 } })
      return {
        upstreams: named(name, [at(server.url, opening)]),
        settings: { workers: between(random, 1, 2) },
        play: async (playing) => {
          const { gateway } = playing
          const pids = [gateway.pid, ...(await workerPids(gateway))]
          const strike = (): void => pids.forEach((pid) => process.kill(pid, 'SIGKILL'))
          const struck = await strikeMiddle(playing, strike, { tokens: 60, after: between(random, 2, 10) })
          await sleep(between(random, 200, 1500))
          parts.use(await startGateway('--state', gateway.state, '--config', join(gateway.state, 'holdfast.json')))
          await sleep(5000)
          return [struck.ray]
        },
      }
    },
  },
  {
    title: 'a worker is stopped for good',
    expects: 'gateway-stalled',
    isAlone: true,
    open: async (opening) => {
      const { random, name } = opening
      const server = await sim(opening, { engine: { decodeRate: 20 } })
      return {
        upstreams: named(name, [at(server.url, opening)]),
        settings: { workers: between(random, 1, 2) },
        play: async (playing) => {
          const pids = await workerPids(playing.gateway)
          const strike = (): void => pids.forEach((pid) => process.kill(pid, 'SIGSTOP'))
          const struck = await strikeMiddle(playing, strike, { tokens: 60, after: between(random, 2, 10) })
          await sleep(6000)
          return [struck.ray]
        },
      }
    },
  },
  {
    title: 'the gateway ends while a call waits for its turn',
    expects: 'gateway-restart',
    isAlone: true,
    open: async (opening) => {
      const { name, random } = opening
      const server = await sim(opening, { engine: { decodeRate: 20 } })
      return {
        upstreams: named(name, [at(server.url, opening)]),
        settings: {
          workers: 1,
          limits: { drainMs: between(random, 300, 700) },
          overload: { limits: 'fixed', callsMax: 1 },
        },
        play: async ({ ask, gateway }) => {
          const live = ask({ tokens: 100 })
          await sleep(300)
          const waiting = ask({ tokens: 10, isStream: oneOf(random, true, false) })
          await sleep(between(random, 100, 400))
          void gateway.end('SIGTERM')
          await live
          return [(await waiting).ray]
        },
      }
    },
  },
  {
    title: 'two gateways that ask each other',
    expects: 'loop',
    isAlone: true,
    open: async (opening) => {
      const { parts, name, random } = opening
      const tunnel = await openTunnel(parts, 'http://127.0.0.1:9')
      return {
        upstreams: named(name, [at(`http://127.0.0.1:${tunnel.port}`, opening, { kind: 'compatible' })]),
        play: async ({ ask, gateway }) => {
          tunnel.lead(gateway.url)
          return [(await ask({ isStream: oneOf(random, true, false) })).ray]
        },
      }
    },
  },
  {
    title: 'a change of the configuration takes a key or a model away',
    expects: 'config-change',
    isAlone: true,
    open: async (opening) => {
      const { name, random, model } = opening
      const server = await sim(opening, { profile: 'openai', apiKey: 'lab-key-0123456789' })
      const isKey = oneOf(random, true, false)
      return {
        upstreams: named(name, [at(server.url, opening, { kind: 'openai', key: 'env:HOLDFAST_LAB_KEY' })]),
        settings: { workers: 1 },
        play: async ({ ask, gateway }) => {
          await askTimes(between(random, 1, 3), () => ask())
          await change(gateway.state, ({ upstreams }) => {
            for (const upstream of Object.values(upstreams))
              Object.assign(upstream, isKey ? { key: 'env:HOLDFAST_LAB_KEY_B' } : { models: [`${model}-renamed`] })
          })
          await holdfast('restart', '--state', gateway.state)
          return [(await ask({ isStream: oneOf(random, true, false) })).ray]
        },
      }
    },
  },
  afterBadRestart(
    {
      title: 'a restart onto a broken build fails, then the worker dies and none can take its place',
      expects: 'bad-gateway-deploy',
    },
    async (_, program) => {
      const build = await readFile(program, 'utf8')
      await writeFile(program, "throw new Error('a build that lacks a piece')\n")
      return () => writeFile(program, build)
    },
  ),
  afterBadRestart(
    { title: 'a restart onto a broken file fails, then the worker dies and is replaced', expects: 'gateway-crash' },
    async (file, _, { random }) => {
      const config = await readFile(file, 'utf8')
      const isCut = oneOf(random, true, false)
      await writeFile(
        file,
        isCut ? config.slice(0, -20) : config.replace('"kind":', '"key":"file:/nowhere/key","kind":'),
      )
      return () => writeFile(file, config)
    },
  ),
  {
    title: 'the disk of the state folder is full',
    expects: 'disk-full',
    isAlone: true,
    needsNetwork: true,
    open: async (opening) => {
      const { random, name } = opening
      const server = await sim(opening, { engine: { decodeRate: 200 } })
      const isWatched = oneOf(random, true, false)
      return {
        upstreams: named(name, [at(server.url, opening)]),
        diskBytes: between(random, 24, 40) * 2 ** 20,
        settings: { workers: 1, ...(!isWatched && { protection: { diskFreeBytesMin: 0 } }) },
        play: async ({ ask, gateway }) => {
          await askTimes(between(random, 1, 3), () => ask())
          const file = fill(gateway.state)
          await sleep(isWatched ? 2500 : 200)
          const prompt = 'long '.repeat(20_000)
          const heard = await Promise.all(
            Array.from({ length: 12 }, (_, i) => ask({ prompt: `${prompt} ${i}`, tokens: 200 })),
          )
          await sleep(between(random, 500, 3000))
          rmSync(file) // somebody makes room
          await sleep(2000)
          await ask()
          return heard
            .filter(({ status, code }) => status >= 400 || code !== null)
            .map(({ ray }) => ray)
            .slice(0, 2)
        },
      }
    },
  },
]
