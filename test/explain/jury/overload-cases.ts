/** Held-out cases of too much work: who is sent away, in which line, and what else can be short. */
import { spawnSync } from 'node:child_process'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort, workerPids } from '../../crash/gateway.ts'
import { askTimes, type Heard } from '../ask.ts'
import { between, named, oneOf, type Scenario } from '../scenario.ts'
import { strikeMiddle } from '../server-scenarios.ts'
import { at, sim } from '../servers.ts'

function failed(heard: readonly Heard[], count = 2): (string | undefined)[] {
  return heard
    .filter(({ status }) => status >= 400)
    .map(({ ray }) => ray)
    .slice(0, count)
}

export const overloadCases: readonly Scenario[] = [
  {
    title: 'batch calls are sent away while others are served',
    expects: 'servers-full',
    isAlone: true,
    open: async (opening) => {
      const { random, name } = opening
      const server = await sim(opening, { engine: { slots: 2, decodeRate: 20 } })
      return {
        upstreams: named(name, [at(server.url, opening)]),
        settings: { overload: { limits: 'fixed', callsMax: 2, waitMs: { batch: between(random, 300, 800) } } },
        play: async ({ ask }) => {
          const others = Array.from({ length: 8 }, (_, i) => ask({ tokens: 40, prompt: `${i}` }))
          await sleep(300)
          const heard = await Promise.all(
            Array.from({ length: 3 }, () => ask({ headers: { 'holdfast-tier': 'batch' }, tokens: 20 })),
          )
          await Promise.all(others)
          return failed(heard)
        },
      }
    },
  },
  {
    title: 'time enough for the answer, and a long line before it',
    expects: 'servers-full',
    isAlone: true,
    open: async (opening) => {
      const { random, name } = opening
      const server = await sim(opening, { engine: { slots: 2, decodeRate: 40 } })
      return {
        upstreams: named(name, [at(server.url, opening)]),
        settings: { overload: { limits: 'fixed', callsMax: 2 } },
        play: async ({ ask }) => {
          const headers = { 'x-request-timeout': (between(random, 15, 25) / 10).toFixed(1) }
          await askTimes(3, () => ask({ tokens: 20, headers }))
          const others = Array.from({ length: 10 }, (_, i) => ask({ tokens: 200, prompt: `${i}` }))
          await sleep(400)
          const heard = await Promise.all(
            Array.from({ length: 2 }, () => ask({ tokens: 20, headers, isStream: oneOf(random, true, false) })),
          )
          await Promise.all(others)
          return failed(heard)
        },
      }
    },
  },
  {
    title: 'a replica that errs is taken out, and the other is not enough',
    expects: 'servers-missing',
    isAlone: true,
    open: async (opening) => {
      const { random, name } = opening
      const servers = await Promise.all([
        sim(opening, { engine: { decodeRate: 20 } }),
        sim(opening, { engine: { decodeRate: 20 } }),
      ])
      return {
        upstreams: named(
          name,
          servers.map(({ url }) => at(url, opening)),
        ),
        settings: {
          breaker: { failuresInRow: 2 },
          overload: { limits: 'fixed', callsMax: 3, waitMs: { standard: between(random, 300, 900) } },
        },
        play: async ({ ask }) => {
          await askTimes(2, () => ask({ tokens: 3 }))
          servers[0]?.order({ kind: '500' })
          await askTimes(8, () => ask({ tokens: 3 }))
          const heard = await Promise.all(Array.from({ length: between(random, 9, 12) }, () => ask({ tokens: 40 })))
          return failed(heard)
        },
      }
    },
  },
  {
    title: 'bodies that are being sent fill the purse',
    expects: 'gateway-full',
    isAlone: true,
    open: async (opening) => {
      const { random, name, model } = opening
      const server = await sim(opening)
      const bytes = between(random, 325_000, 333_000)
      return {
        upstreams: named(name, [at(server.url, opening)]),
        settings: { limits: { bodiesBytesMax: 1_000_000, bodyBytesMax: 600_000 } },
        play: async ({ ask, gateway }) => {
          const { port } = new URL(gateway.url)
          const sockets = Array.from({ length: 3 }, () => {
            const socket = connect(Number(port), '127.0.0.1').on('error', () => {})
            socket.write(
              `POST /v1/chat/completions HTTP/1.1\r\nhost: g\r\ncontent-type: application/json\r\ncontent-length: ${bytes}\r\n\r\n`,
            )
            socket.write(`{"model":"${model}","x":"${'x'.repeat(bytes - 1000)}`)
            return socket
          })
          await sleep(600)
          const heard = await askTimes(2, () => ask({ prompt: 'y'.repeat(60_000), patienceMs: 9000 }))
          for (const socket of sockets) socket.destroy()
          return failed(heard.filter(({ code }) => code === 'HF_QUEUE_FULL'))
        },
      }
    },
  },
  {
    title: 'a worker may open no more files',
    expects: 'gateway-short',
    isAlone: true,
    open: async (opening) => {
      const { random, name } = opening
      const server = await sim(opening, { engine: { decodeRate: 20 } })
      return {
        upstreams: named(name, [at(server.url, opening)]),
        play: async (playing) => {
          await playing.ask()
          const [pid] = await workerPids(playing.gateway)
          const open = Number(spawnSync('sh', ['-c', `ls /proc/${pid}/fd | wc -l`], { encoding: 'utf8' }).stdout)
          spawnSync('prlimit', ['--pid', String(pid), `--nofile=${open + between(random, 3, 5)}`])
          const heard = await Promise.all(
            Array.from({ length: 8 }, (_, i) => playing.ask({ prompt: `${i}`, tokens: 20, patienceMs: 9000 })),
          )
          return failed(heard)
        },
      }
    },
  },
  {
    title: 'each server fails in a way of its own, otherwise mixed',
    expects: 'attempts-spent',
    open: async (opening) => {
      const { random, name, model } = opening
      const [limited, erring] = await Promise.all([sim(opening), sim(opening)])
      const dead = oneOf(random, `http://127.0.0.1:${await freePort()}`, 'http://nobody.holdfast-lab.invalid:8000')
      return {
        upstreams: named(name, [at(dead, { model }), ...[limited, erring].map(({ url }) => at(url, opening))]),
        timeouts: { connectMs: 3000 },
        play: async ({ ask }) => {
          limited.order({ kind: '429', retryAfterMs: 20_000 })
          erring.order({ kind: oneOf(random, '500', 'garbage', 'reset') })
          return [(await ask({ isStream: oneOf(random, true, false) })).ray]
        },
      }
    },
  },
  {
    title: 'all servers have been taken out of use for their errors',
    expects: 'no-server-left',
    alsoRight: ['server-error'],
    isAlone: true,
    open: async (opening) => {
      const { random, name } = opening
      const servers = await Promise.all(Array.from({ length: between(random, 1, 2) }, () => sim(opening)))
      return {
        upstreams: named(
          name,
          servers.map(({ url }) => at(url, opening)),
        ),
        settings: { breaker: { failuresInRow: 2, openMs: 20_000 } },
        play: async ({ ask }) => {
          await askTimes(2, () => ask())
          for (const server of servers) server.order({ kind: '500' })
          await askTimes(6, () => ask())
          return [(await ask({ isStream: oneOf(random, true, false) })).ray]
        },
      }
    },
  },
  {
    title: 'a gateway whose calls are all taken, answered in one piece',
    expects: 'gateway-full',
    isAlone: true,
    open: async (opening) => {
      const { random, name } = opening
      const server = await sim(opening, { engine: { decodeRate: 30 } })
      const callsLiveMax = between(random, 2, 4)
      return {
        upstreams: named(name, [at(server.url, opening)]),
        settings: { limits: { callsLiveMax } },
        play: async (playing) => {
          const live = Array.from({ length: callsLiveMax }, (_, i) =>
            strikeMiddle(playing, () => {}, { prompt: `${i}` }),
          )
          await sleep(500)
          const heard = await askTimes(2, () => playing.ask({ isStream: false }))
          await Promise.all(live)
          return failed(heard)
        },
      }
    },
  },
]
