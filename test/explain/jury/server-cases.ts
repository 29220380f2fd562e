/** Held-out cases in model servers: half alive, out of memory in other words, loading, shared with others, renamed. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import type { ServerResponse } from 'node:http'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { startSim } from '../../../lab/start-sim.ts'
import { holdfast } from '../../crash/gateway.ts'
import { askTimes } from '../ask.ts'
import { between, named, oneOf, type Playing, type Scenario } from '../scenario.ts'
import { strikeMiddle } from '../server-scenarios.ts'
import { at, child, enginePids, scripted, sim } from '../servers.ts'
import { certificate } from './certificates.ts'

const json = { 'content-type': 'application/json' }
const events = { 'content-type': 'text/event-stream' }

/** An event of a chat stream with this text. */
function piece(content: string): string {
  return `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', choices: [{ index: 0, delta: { role: 'assistant', content } }] })}\n\n`
}

function say(response: ServerResponse, pieces: number): void {
  response.writeHead(200, events)
  for (let i = 0; i < pieces; i++) response.write(piece(`w${i} `))
}

/** A process that ends TLS before a server, and can be stopped. */
async function tlsProcess(parts: AsyncDisposableStack, url: string): Promise<{ port: number; stop: () => void }> {
  const script = `const {key,cert,port}=JSON.parse(process.env.LAB_TLS);const s=require('tls').createServer({key,cert},(n)=>{const f=require('net').connect(port,'127.0.0.1');n.on('error',()=>f.destroy());f.on('error',()=>n.destroy());n.pipe(f);f.pipe(n)});s.on('tlsClientError',()=>{});s.listen(0,'127.0.0.1',()=>process.send(s.address().port));process.on('disconnect',()=>process.exit())`
  const { key, cert } = certificate('none')
  const env = {
    ...process.env,
    LAB_TLS: JSON.stringify({ key: String(key), cert: String(cert), port: new URL(url).port }),
  }
  const process_ = fork('-e', [script], { execArgv: [], stdio: 'ignore', execPath: process.execPath, env })
  parts.defer(() => void process_.kill('SIGKILL'))
  const [port] = (await once(process_, 'message')) as [number]
  return { port, stop: () => void process_.kill('SIGSTOP') }
}

export const serverCases: readonly Scenario[] = [
  {
    title: 'a server that takes calls, sends pings and never a token',
    expects: 'server-hung',
    open: async (opening) => {
      const { random, name, model } = opening
      let isAlive = true
      const url = await scripted(opening, (_, response) => {
        if (isAlive) {
          say(response, 3)
          return void response.end(
            `data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n`,
          )
        }
        response.writeHead(200, events)
        const timer = setInterval(() => response.write(': ping\n\n'), 200)
        response.on('close', () => clearInterval(timer))
      })
      return {
        upstreams: named(name, [at(url, { model })]),
        play: async ({ ask }) => {
          await askTimes(between(random, 1, 3), () => ask())
          isAlive = false
          const heard = await Promise.all(
            Array.from({ length: between(random, 1, 3) }, (_, i) => ask({ prompt: `${i}` })),
          )
          return heard.slice(0, 1).map(({ ray }) => ray)
        },
      }
    },
  },
  {
    title: 'a server behind TLS is stopped (SIGSTOP)',
    expects: 'server-hung',
    open: async (opening) => {
      const { parts, random, name } = opening
      const server = await sim(opening, { engine: { decodeRate: 40 } })
      const front = await tlsProcess(parts, server.url)
      return {
        upstreams: named(name, [at(`https://127.0.0.1:${front.port}`, opening)]),
        play: async (playing) => {
          await askTimes(between(random, 1, 2), () => playing.ask())
          const struck = await strikeMiddle(playing, front.stop, { after: between(random, 2, 6) })
          const after = await playing.ask({ isStream: oneOf(random, true, false) })
          return [struck.ray, after.ray]
        },
      }
    },
  },
  {
    title: 'all replicas are frozen, calls in one piece',
    expects: 'server-hung',
    open: async (opening) => {
      const { random, name } = opening
      const servers = await Promise.all([child(opening), child(opening)])
      return {
        upstreams: named(
          name,
          servers.map(({ url }) => at(url, opening)),
        ),
        timeouts: { wholeMs: between(random, 1500, 2500) },
        play: async ({ ask }) => {
          await askTimes(between(random, 2, 3), () => ask({ isStream: false }))
          await Promise.all(servers.map((server) => server.kill('SIGSTOP')))
          return [(await ask({ isStream: false })).ray]
        },
      }
    },
  },
  {
    title: 'a server of ours is stopped (SIGSTOP)',
    expects: 'server-hung',
    isAlone: true,
    open: async () => ({
      upstreams: {},
      isOfLab: true,
      play: async (playing) => {
        const ask: Playing['ask'] = (each) => playing.ask({ patienceMs: 90_000, ...each, model: 'lab-model' })
        const stop = (): void => {
          for (const pid of enginePids(playing.gateway)) process.kill(pid, 'SIGSTOP')
        }
        return [(await strikeMiddle({ ask }, stop, { tokens: 600 })).ray]
      },
    }),
  },
  {
    title: 'an error in the clothes of a success, or an engine that is dead behind its door',
    expects: 'server-error',
    open: async (opening) => {
      const { random, name, model } = opening
      const [status, body] = oneOf<[number, object]>(
        random,
        [200, { error: { message: 'internal failure in worker 3', type: 'server_error', code: 500 } }],
        [
          500,
          {
            error: {
              message: 'EngineCore encountered an issue. See stack trace (above) for the root cause.',
              type: 'InternalServerError',
              code: 500,
            },
          },
        ],
        [500, { object: 'error', message: 'list index out of range', type: 'InternalServerError', code: 500 }],
        [500, { detail: 'Internal Server Error' }],
      )
      const count = between(random, 1, 2)
      const urls = await Promise.all(
        Array.from({ length: count }, () =>
          scripted(opening, (_, response) => void response.writeHead(status, json).end(JSON.stringify(body))),
        ),
      )
      return {
        upstreams: named(
          name,
          urls.map((url) => at(url, { model })),
        ),
        play: async ({ ask }) => [(await ask({ isStream: oneOf(random, true, false) })).ray],
      }
    },
  },
  {
    title: 'memory is short, in other words and other places',
    expects: 'out-of-memory',
    open: async (opening) => {
      const { random, name, model } = opening
      const words = oneOf(
        random,
        'model requires more system memory (9.1 GiB) than is available (3.8 GiB)',
        'CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`',
        'CUDA out of memory. Tried to allocate 20.00 MiB (GPU 0; 79.15 GiB total capacity)',
        'llama_kv_cache_init: failed to allocate buffer for kv cache',
        '[Errno 12] Cannot allocate memory',
        'RuntimeError: NPU out of memory',
      )
      const afterPieces = between(random, 0, 5)
      const url = await scripted(opening, (_, response) => {
        const error = JSON.stringify({ error: { message: words, type: 'InternalServerError', code: 500 } })
        if (afterPieces === 0) return void response.writeHead(500, json).end(error)
        say(response, afterPieces)
        response.end(`data: ${error}\n\n`)
      })
      return {
        upstreams: named(name, [at(url, { model })]),
        play: async ({ ask }) => [(await ask()).ray],
      }
    },
  },
  {
    title: 'a server was started anew and still loads its model',
    expects: 'server-deploy',
    open: async (opening) => {
      const { parts, random, name, model } = opening
      const before = await child(opening)
      const { port } = new URL(before.url)
      const words = oneOf(
        random,
        { error: { code: 503, message: 'Loading model', type: 'unavailable_error' } },
        { error: { message: 'The model is still loading, try again later', type: 'service_unavailable', code: 503 } },
      )
      return {
        upstreams: named(name, [at(before.url, opening, { kind: 'llamacpp' })]),
        play: async ({ ask }) => {
          await askTimes(between(random, 1, 3), () => ask())
          await before.stop()
          await ask()
          // The same port, by another process: one that is not ready.
          const script = `require('http').createServer((q,r)=>{q.resume();q.on('end',()=>{r.writeHead(503,{'content-type':'application/json'});r.end(process.env.LAB_WORDS)})}).listen(Number(process.env.LAB_PORT),'127.0.0.1',()=>process.send('up'));process.on('disconnect',()=>process.exit())`
          const env = { ...process.env, LAB_WORDS: JSON.stringify(words), LAB_PORT: port }
          const loading = fork('-e', [script], { execArgv: [], stdio: 'ignore', execPath: process.execPath, env })
          parts.defer(() => void loading.kill('SIGKILL'))
          await once(loading, 'message')
          await sleep(between(random, 500, 2500))
          const struck = await ask({ isStream: oneOf(random, true, false) })
          loading.kill('SIGKILL')
          await once(loading, 'exit')
          const after = await startSim({ model, port: Number(port) })
          parts.defer(() => after.stop())
          return [struck.ray]
        },
      }
    },
  },
  {
    title: 'a stream that says it is done and has no end',
    expects: 'answer-cut-short',
    open: async (opening) => {
      const { random, name, model } = opening
      const count = between(random, 2, 9)
      const isDone = oneOf(random, true, false)
      const url = await scripted(opening, (_, response) => {
        say(response, count)
        response.end(isDone ? 'data: [DONE]\n\n' : '')
      })
      return {
        upstreams: named(name, [at(url, { model }, { continues: [] })]),
        play: async ({ ask }) => [(await ask()).ray],
      }
    },
  },
  {
    title: 'callers that pass us by fill the server',
    expects: 'slow-engine',
    alsoRight: ['servers-full'],
    open: async (opening) => {
      const { random, name, model } = opening
      const server = await sim(opening, { engine: { slots: 2, decodeRate: 25 } })
      return {
        upstreams: named(name, [at(server.url, opening)]),
        play: async ({ ask }) => {
          await askTimes(3, () => ask({ tokens: 5 }))
          const others = Array.from({ length: between(random, 8, 12) }, async (_, i) => {
            const body = JSON.stringify({ model, messages: [{ role: 'user', content: `other ${i} tokens:150` }] })
            const answer = await fetch(`${server.url}/v1/chat/completions`, {
              method: 'POST',
              body,
              signal: AbortSignal.timeout(9000),
            })
            await answer.text()
          })
          await sleep(1200)
          const struck = await ask({ isStream: oneOf(random, true, false), tokens: 10 })
          await Promise.allSettled(others)
          return [struck.ray]
        },
      }
    },
  },
  {
    title: 'an engine became many times slower than callers give it',
    expects: 'slow-engine',
    open: async (opening) => {
      const { random, name } = opening
      const server = await sim(opening, { engine: { decodeRate: 100 } })
      return {
        upstreams: named(name, [at(server.url, opening)]),
        play: async ({ ask }) => {
          const headers = { 'x-request-timeout': (between(random, 20, 30) / 10).toFixed(1) }
          const isStream = oneOf(random, true, false)
          await askTimes(between(random, 3, 5), () => ask({ headers, tokens: 60, isStream }))
          server.order({ kind: 'slow', factor: between(random, 12, 20) })
          return [(await ask({ headers, tokens: 60, isStream })).ray]
        },
      }
    },
  },
  {
    title: 'a prompt that takes longer to read than the server is given',
    expects: 'slow-engine',
    alsoRight: ['deadline-too-short'],
    open: async (opening) => {
      const { random, name } = opening
      const server = await sim(opening, { engine: { prefillRate: 3000 } })
      return {
        upstreams: named(name, [at(server.url, opening)]),
        timeouts: { firstTokenMs: 1200 },
        play: async ({ ask }) => {
          await askTimes(3, () => ask())
          const struck = await ask({ prompt: 'word '.repeat(between(random, 9000, 14_000)) })
          await askTimes(2, () => ask())
          return [struck.ray]
        },
      }
    },
  },
  {
    title: 'a URL without its path, or one that was moved to https',
    expects: 'bad-configuration',
    open: async (opening) => {
      const { random, name, model } = opening
      const isMoved = oneOf(random, true, false)
      const url = await scripted(opening, (request, response) => {
        if (isMoved)
          return void response
            .writeHead(oneOf(random, 301, 307, 308), { location: `https://127.0.0.1${request.url}` })
            .end()
        response.writeHead(404, json).end(JSON.stringify({ detail: 'Not Found' }))
      })
      return {
        upstreams: named(name, [at(url, { model })]),
        play: async ({ ask }) => [(await ask({ isStream: oneOf(random, true, false) })).ray],
      }
    },
  },
  {
    title: 'a setting that has nothing to do with it was changed, then a server is killed',
    expects: 'server-crash',
    isAlone: true,
    open: async (opening) => {
      const { random, name } = opening
      const [victim, ...others] = await Promise.all([child(opening, { rate: 40 }), child(opening, { rate: 40 })])
      return {
        upstreams: named(
          name,
          [victim, ...others].map(({ url }, i) => at(url, opening, { priority: i })),
        ),
        play: async (playing) => {
          await playing.ask()
          const file = join(playing.gateway.state, 'holdfast.json')
          const config = JSON.parse(await readFile(file, 'utf8')) as { limits?: object; retries?: object }
          Object.assign(config, oneOf(random, { limits: { headersMs: 9000 } }, { retries: { percentMax: 25 } }))
          await writeFile(file, JSON.stringify(config))
          await holdfast('restart', '--state', playing.gateway.state)
          await playing.ask()
          return [(await strikeMiddle(playing, () => victim.kill('SIGKILL'), { after: between(random, 2, 6) })).ray]
        },
      }
    },
  },
  {
    title: 'one server dies while another errs',
    expects: 'server-error',
    open: async (opening) => {
      const { random, name } = opening
      const [dying, erring] = await Promise.all([child(opening, { rate: 40 }), sim(opening)])
      return {
        upstreams: named(
          name,
          [erring.url, dying.url].map((url, i) => at(url, opening, { priority: i })),
        ),
        play: async ({ ask }) => {
          await askTimes(between(random, 1, 2), () => ask())
          erring.order({ kind: '500', match: { promptContains: 'odd' }, count: 1 })
          const struck = await ask({ prompt: 'odd', isStream: oneOf(random, true, false) })
          await dying.kill('SIGKILL')
          await ask()
          return [struck.ray]
        },
      }
    },
  },
  {
    title: 'a bystander at a server that another request kills',
    expects: 'server-crash',
    open: async (opening) => {
      const { random, name } = opening
      const fault = JSON.stringify({ kind: 'crash-on-poison' })
      const [first, second] = await Promise.all([child(opening, { rate: 30, fault }), child(opening, { rate: 30 })])
      return {
        upstreams: named(
          name,
          [first, second].map(({ url }, i) => at(url, opening, { priority: i })),
        ),
        play: async (playing) => {
          await playing.ask()
          const strike = (): void => void playing.ask({ prompt: 'POISON', tokens: 5 })
          return [(await strikeMiddle(playing, strike, { after: between(random, 3, 8), tokens: 60 })).ray]
        },
      }
    },
  },
]
