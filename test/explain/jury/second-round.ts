/**
 * Cases of a second sitting, thought of before the first and written down after the rules had been mended: calls that
 * were saved, causes behind a queue, two causes in one call, slow resolvers, slow senders, restarts in good order.
 */
import { spawnSync } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { startSim } from '../../../lab/start-sim.ts'
import { holdfast, workerPids } from '../../crash/gateway.ts'
import { askTimes } from '../ask.ts'
import { openHost } from '../own-network.ts'
import { between, named, oneOf, type Scenario, type Upstream } from '../scenario.ts'
import { strikeMiddle } from '../server-scenarios.ts'
import { at, child, scripted, sim } from '../servers.ts'
import { certificate } from './certificates.ts'
import { setName } from './resolver.ts'
import { openTunnel } from './tunnel.ts'

const json = { 'content-type': 'application/json' }

export const secondRound: readonly Scenario[] = [
  {
    title: 'a call is saved: the first server’s certificate has become bad, the second answers',
    expects: 'bad-certificate',
    open: async (opening) => {
      const { parts, random, name } = opening
      const server = await sim(opening)
      const tunnel = await openTunnel(parts, server.url, certificate('none'))
      const bad = certificate(oneOf(random, 'expired', 'other-host'))
      return {
        upstreams: named(name, [
          at(`https://127.0.0.1:${tunnel.port}`, opening),
          at(server.url, opening, { priority: 1 }),
        ]),
        play: async ({ ask }) => {
          await ask()
          tunnel.renew(bad)
          tunnel.cut()
          return [(await ask({ isStream: oneOf(random, true, false) })).ray]
        },
      }
    },
  },
  {
    title: 'a call is saved: one replica does not have the model',
    expects: 'model-missing',
    open: async (opening) => {
      const { random, name } = opening
      const [without, having] = await Promise.all([sim({ ...opening, model: 'another' }), sim(opening)])
      return {
        upstreams: named(name, [at(without.url, opening), at(having.url, opening, { priority: 1 })]),
        play: async ({ ask }) => [(await ask({ isStream: oneOf(random, true, false) })).ray],
      }
    },
  },
  {
    title: 'callers wait behind a server that hangs',
    expects: 'server-hung',
    isAlone: true,
    open: async (opening) => {
      const { random, name } = opening
      const server = await child(opening, { rate: 40 })
      return {
        upstreams: named(name, [at(server.url, opening)]),
        settings: { overload: { limits: 'fixed', callsMax: 2, waitMs: { standard: between(random, 500, 1000) } } },
        play: async ({ ask }) => {
          await askTimes(2, () => ask())
          await server.kill('SIGSTOP')
          const inHand = Array.from({ length: 2 }, (_, i) => ask({ prompt: `${i}` }))
          await sleep(100)
          const heard = await Promise.all(Array.from({ length: 3 }, (_, i) => ask({ prompt: `waits ${i}` })))
          await Promise.all(inHand)
          return heard
            .filter(({ code }) => code === 'HF_QUEUE_TIMEOUT')
            .map(({ ray }) => ray)
            .slice(0, 1)
        },
      }
    },
  },
  {
    title: 'one server hangs, the other is out of memory',
    expects: 'attempts-spent',
    open: async (opening) => {
      const { random, name, model } = opening
      const hanging = await child(opening)
      const url = await scripted(opening, (_, response) => {
        response.writeHead(500, json).end(JSON.stringify({ error: { message: 'CUDA out of memory', code: 500 } }))
      })
      return {
        upstreams: named(name, [at(hanging.url, opening), at(url, { model }, { priority: 1 })]),
        play: async ({ ask }) => {
          await hanging.kill('SIGSTOP')
          return [(await ask({ isStream: oneOf(random, true, false) })).ray]
        },
      }
    },
  },
  {
    title: 'a resolver that is slower than a connection may take',
    expects: 'name-not-resolved',
    needsNetwork: true,
    open: async ({ random, name, model }) => {
      const host = `slow${between(random, 1, 1e6)}.holdfast-lab.test`
      await setName(host, 'silent')
      return {
        upstreams: named(name, [at(`http://${host}:8000`, { model })]),
        timeouts: { connectMs: between(random, 500, 1500) },
        play: async ({ ask }) => {
          const heard = await Promise.all(
            Array.from({ length: 3 }, () => ask({ isStream: oneOf(random, true, false) })),
          )
          return heard.slice(0, 2).map(({ ray }) => ray)
        },
      }
    },
  },
  {
    title: 'two replicas on one host, and the host vanishes',
    expects: 'host-unreachable',
    needsNetwork: true,
    open: async (opening) => {
      const { random, name } = opening
      const host = openHost()
      const servers = await Promise.all(
        [0, 1].map(() => sim(opening, { host: host.address, engine: { decodeRate: 40 } })),
      )
      return {
        upstreams: named(
          name,
          servers.map(({ url }) => at(url, opening)),
        ),
        play: async (playing) => {
          await askTimes(between(random, 2, 3), () => playing.ask())
          const isMiddle = oneOf(random, true, false)
          if (!isMiddle) host.vanish()
          const struck = isMiddle
            ? strikeMiddle(playing, () => host.vanish(), { after: between(random, 2, 6) })
            : playing.ask()
          const { ray } = await struck
          await sleep(5000) // the roll call finds out
          return [ray]
        },
      }
    },
  },
  {
    title: 'a model server is restarted in good order, and cuts what it has in hand',
    expects: 'server-crash',
    alsoRight: ['server-deploy'],
    open: async (opening) => {
      const { parts, random, name, model } = opening
      const before = await child(opening, { rate: 40 })
      const { port } = new URL(before.url)
      return {
        upstreams: named(name, [at(before.url, opening)]),
        play: async (playing) => {
          await askTimes(between(random, 1, 3), () => playing.ask())
          let back = Promise.resolve()
          const strike = (): void =>
            void (back = before.stop().then(async () => {
              await sleep(between(random, 500, 2000))
              const after = await startSim({ model, port: Number(port), rate: 40 })
              parts.defer(() => after.stop())
            }))
          const struck = await strikeMiddle(playing, strike, { after: between(random, 2, 8) })
          await back
          await askTimes(2, () => playing.ask())
          return [struck.ray]
        },
      }
    },
  },
  {
    title: 'headers that come letter by letter, or too many of them',
    expects: 'slow-sender',
    alsoRight: ['bad-request'],
    isAlone: true,
    open: async (opening) => {
      const { random, name } = opening
      const server = await sim(opening)
      const isMany = oneOf(random, true, false)
      return {
        upstreams: named(name, [at(server.url, opening)]),
        settings: { limits: { headersMs: 800, requestMs: 2000 } },
        play: async ({ gateway }) => {
          const socket = connect(Number(new URL(gateway.url).port), '127.0.0.1').on('error', () => {})
          let text = ''
          socket.on('data', (bytes) => (text += bytes.toString()))
          socket.write('POST /v1/chat/completions HTTP/1.1\r\nhost: g\r\n')
          for (let i = 0; i < (isMany ? 2000 : 25) && text === ''; i++) {
            socket.write(isMany ? `x-filler-${i}: ${'y'.repeat(100)}\r\n` : `x-${i}: y\r\n`)
            if (!isMany || i % 50 === 0) await sleep(isMany ? 10 : 100)
          }
          for (let i = 0; i < 30 && text === ''; i++) await sleep(100)
          socket.destroy()
          return [/holdfast-ray: (\S+)/i.exec(text)?.[1]]
        },
      }
    },
  },
  {
    title: 'the caller’s own account at the provider is empty',
    expects: 'caller-quota',
    open: async (opening) => {
      const { random, name } = opening
      const error = {
        message: 'You exceeded your current quota',
        type: 'insufficient_quota',
        code: 'insufficient_quota',
      }
      const url = await scripted(
        opening,
        (_, response) => void response.writeHead(429, json).end(JSON.stringify({ error })),
      )
      const own: Partial<Upstream> = { kind: 'openai', key: 'caller' }
      return {
        upstreams: named(name, [at(url, opening, own)]),
        play: async ({ ask }) => {
          const headers = { authorization: 'Bearer sk-of-the-caller' }
          return [(await ask({ headers, isStream: oneOf(random, true, false) })).ray]
        },
      }
    },
  },
  {
    title: 'a worker dies of an error that nobody caught',
    expects: 'gateway-crash',
    isAlone: true,
    open: async (opening) => {
      const { random, name } = opening
      const server = await sim(opening, { engine: { decodeRate: 40 } })
      return {
        upstreams: named(name, [at(server.url, opening)]),
        settings: { workers: between(random, 1, 2) },
        play: async (playing) => {
          const pids = await workerPids(playing.gateway)
          const strike = (): void =>
            pids.forEach((pid) => process.kill(pid, oneOf(random, 'SIGABRT', 'SIGFPE', 'SIGILL')))
          const struck = await strikeMiddle(playing, strike, { tokens: 80, after: between(random, 2, 10) })
          await sleep(5000)
          return [struck.ray]
        },
      }
    },
  },
  {
    title: 'a change of the configuration sends calls to a place that is not there',
    expects: 'config-change',
    isAlone: true,
    open: async (opening) => {
      const { name, random } = opening
      const server = await sim(opening)
      return {
        upstreams: named(name, [at(server.url, opening)]),
        settings: { workers: 1 },
        play: async ({ ask, gateway }) => {
          await askTimes(between(random, 1, 3), () => ask())
          const path = join(gateway.state, 'holdfast.json')
          const config = JSON.parse(await readFile(path, 'utf8')) as { upstreams: Record<string, { url: string }> }
          const url = oneOf(random, 'http://gpu-nwe.holdfast-lab.invalid:8000/v1', 'http://127.0.0.1:9/v1')
          for (const upstream of Object.values(config.upstreams)) upstream.url = url
          await writeFile(path, JSON.stringify(config))
          await holdfast('restart', '--state', gateway.state)
          return [(await ask({ isStream: oneOf(random, true, false) })).ray]
        },
      }
    },
  },
  {
    title: 'a port where another protocol is spoken',
    expects: 'not-an-answer',
    alsoRight: ['bad-configuration'],
    open: async (opening) => {
      const { parts, random, name, model } = opening
      const words = oneOf(
        random,
        '220 mail.example ESMTP ready\r\n',
        'SSH-2.0-OpenSSH_9.2\r\n',
        '\u0000\u0000\u0012\u0004\u0000\u0000\u0000\u0000\u0000',
      )
      const server = createServer((socket) => socket.on('error', () => {}).end(words))
      server.listen(0, '127.0.0.1')
      await once(server, 'listening')
      parts.defer(() => void server.close())
      const { port } = server.address() as { port: number }
      return {
        upstreams: named(name, [at(`http://127.0.0.1:${port}`, { model })]),
        play: async ({ ask }) => [(await ask({ isStream: oneOf(random, true, false) })).ray],
      }
    },
  },
  {
    title: 'a server was killed a while ago, and is still down',
    expects: 'server-crash',
    alsoRight: ['server-down'],
    open: async (opening) => {
      const { random, name } = opening
      const servers = await Promise.all(Array.from({ length: between(random, 1, 2) }, () => child(opening)))
      return {
        upstreams: named(
          name,
          servers.map(({ url }) => at(url, opening)),
        ),
        play: async ({ ask }) => {
          await askTimes(2, () => ask())
          await Promise.all(servers.map((server) => server.kill('SIGKILL')))
          await askTimes(2, () => ask())
          await sleep(between(random, 3000, 6000))
          return [(await ask({ isStream: oneOf(random, true, false) })).ray]
        },
      }
    },
  },
  {
    title: 'a server is short of open files and says so',
    expects: 'server-error',
    open: async (opening) => {
      const { random, name } = opening
      const server = await child(opening)
      const message = '[Errno 24] Too many open files'
      const url = await scripted(
        opening,
        (_, response) => void response.writeHead(500, json).end(JSON.stringify({ detail: message })),
      )
      return {
        upstreams: named(name, [at(url, opening), at(server.url, opening, { priority: 1 })]),
        play: async ({ ask }) => [(await ask({ isStream: oneOf(random, true, false) })).ray],
      }
    },
  },
  {
    title: 'a worker has no file left, answers under way go on',
    expects: 'gateway-short',
    isAlone: true,
    open: async (opening) => {
      const { random, name } = opening
      const server = await sim(opening, { engine: { decodeRate: 30 } })
      return {
        upstreams: named(name, [at(server.url, opening)]),
        settings: { workers: 1 },
        play: async (playing) => {
          await playing.ask()
          const [pid] = await workerPids(playing.gateway)
          const open = Number(spawnSync('sh', ['-c', `ls /proc/${pid}/fd | wc -l`], { encoding: 'utf8' }).stdout)
          const live = strikeMiddle(playing, () => {}, { tokens: 60 })
          await sleep(300)
          spawnSync('prlimit', ['--pid', String(pid), `--nofile=${open + between(random, 2, 4)}`])
          const heard = await Promise.all(
            Array.from({ length: 8 }, (_, i) => playing.ask({ prompt: `${i}`, patienceMs: 6000 })),
          )
          await live
          return heard
            .filter(({ status }) => status >= 400)
            .map(({ ray }) => ray)
            .slice(0, 1)
        },
      }
    },
  },
]
