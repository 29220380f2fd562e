/**
 * Cases of a third sitting, written down after all that the first two had found was mended: what servers and providers
 * say in yet other words, and calls that were saved by another server or key.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { workerPids } from '../../crash/gateway.ts'
import { askTimes } from '../ask.ts'
import type { CauseName } from '../../../src/diagnosis/causes.ts'
import { openHost } from '../own-network.ts'
import { between, named, oneOf, type Scenario, type Upstream } from '../scenario.ts'
import { strikeMiddle } from '../server-scenarios.ts'
import { at, child, scripted, sim } from '../servers.ts'

process.env['HOLDFAST_LAB_KEY'] = 'lab-key-0123456789'
process.env['HOLDFAST_LAB_KEY_B'] = 'lab-key-b-0123456789'
const key = 'env:HOLDFAST_LAB_KEY'
const openai: Partial<Upstream> = { kind: 'openai', key }

/** Servers say this; what is behind it. */
const sayings: readonly (readonly [string, CauseName, Partial<Upstream>, number, string, object | string])[] = [
  ['a server whose disk is full', 'server-error', {}, 500, 'json', { detail: '[Errno 28] No space left on device' }],
  [
    'a server without a free slot',
    'server-busy',
    { kind: 'llamacpp' },
    503,
    'json',
    { error: { code: 503, message: 'no slot available', type: 'unavailable_error' } },
  ],
  [
    'a limit of our own gateway of another make',
    'provider-rate-limit',
    {},
    429,
    'json',
    { error: { message: 'Crossed TPM limit for key', type: 'throttling_error', code: '429' } },
  ],
  [
    'a prompt that is too long, by Anthropic’s word',
    'bad-request',
    { kind: 'anthropic', key },
    400,
    'json',
    {
      type: 'error',
      error: { type: 'invalid_request_error', message: 'prompt is too long: 205000 tokens > 200000 maximum' },
    },
  ],
  [
    'a prompt that a filter refuses',
    'bad-request',
    openai,
    400,
    'json',
    {
      error: {
        message: 'Your request was rejected as a result of our safety system.',
        type: 'invalid_request_error',
        code: 'content_policy_violation',
      },
    },
  ],
  [
    'a model that is not served, by vLLM’s word',
    'model-missing',
    {},
    404,
    'json',
    { object: 'error', message: 'The model `m` does not exist.', type: 'NotFoundError', param: null, code: 404 },
  ],
  [
    'a proxy of the house that wants a password',
    'proxy-page',
    {},
    407,
    'html',
    '<!DOCTYPE html><html><head><title>ERROR: Cache Access Denied</title></head><body>squid</body></html>',
  ],
  [
    'a limit that is told inside a stream',
    'provider-rate-limit',
    openai,
    200,
    'event-stream',
    'data: {"error":{"message":"Rate limit reached","type":"rate_limit_error","code":"rate_limit_exceeded"}}\n\n',
  ],
  [
    'a GPU that fell off the bus',
    'server-error',
    {},
    500,
    'json',
    { error: { message: 'CUDA error: unspecified launch failure', type: 'InternalServerError', code: 500 } },
  ],
  [
    'a key of the wrong project',
    'key-refused',
    openai,
    401,
    'json',
    {
      error: {
        message: 'OpenAI-Project header should match project for API key',
        type: 'invalid_request_error',
        code: 'mismatched_project',
      },
    },
  ],
]

const said: readonly Scenario[] = sayings.map(([title, expects, more, status, type, body]) => ({
  title,
  expects,
  open: async (opening) => {
    const { random, name } = opening
    const text = typeof body === 'string' ? body : JSON.stringify(body)
    const head = { 'content-type': `${type === 'json' ? 'application' : 'text'}/${type}` }
    const url = await scripted(opening, (_, response) => void response.writeHead(status, head).end(text))
    return {
      upstreams: named(name, [at(url, opening, more)]),
      play: async ({ ask }) => [(await ask({ isStream: type === 'event-stream' || oneOf(random, true, false) })).ray],
    }
  },
}))

export const thirdRound: readonly Scenario[] = [
  ...said,
  {
    title: 'a call is saved: one key is refused, the next is taken',
    expects: 'key-refused',
    open: async (opening) => {
      const { random, name } = opening
      const server = await sim(opening, { profile: 'openai', apiKey: 'lab-key-b-0123456789' })
      return {
        upstreams: named(name, [at(server.url, opening, { kind: 'openai', keys: [key, 'env:HOLDFAST_LAB_KEY_B'] })]),
        play: async ({ ask }) => [(await ask({ isStream: oneOf(random, true, false) })).ray],
      }
    },
  },
  {
    title: 'a call is saved: its server is killed, in one piece',
    expects: 'server-crash',
    open: async (opening) => {
      const { random, name } = opening
      const [first, second] = await Promise.all([child(opening, { rate: 30 }), child(opening, { rate: 30 })])
      return {
        upstreams: named(
          name,
          [first, second].map(({ url }, i) => at(url, opening, { priority: i })),
        ),
        play: async ({ ask }) => {
          await askTimes(between(random, 1, 2), () => ask({ tokens: 5 }))
          const struck = ask({ isStream: false, tokens: 60 })
          await sleep(between(random, 300, 1200))
          await first.kill('SIGKILL')
          return [(await struck).ray]
        },
      }
    },
  },
  {
    title: 'a call is saved: its host vanishes, another goes on',
    expects: 'host-unreachable',
    needsNetwork: true,
    open: async (opening) => {
      const { random, name } = opening
      const host = openHost()
      const slow = { engine: { decodeRate: 40 } }
      const [first, second] = await Promise.all([sim(opening, { host: host.address, ...slow }), sim(opening, slow)])
      return {
        upstreams: named(
          name,
          [first, second].map(({ url }, i) => at(url, opening, { priority: i })),
        ),
        play: async (playing) => {
          await askTimes(between(random, 1, 2), () => playing.ask())
          const struck = await strikeMiddle(playing, () => host.vanish(), { after: between(random, 2, 6), tokens: 80 })
          await sleep(5000) // the roll call finds out
          return [struck.ray]
        },
      }
    },
  },
  {
    title: 'a call is saved: its server errs in the middle, another goes on',
    expects: 'server-error',
    open: async (opening) => {
      const { random, name } = opening
      const [first, second] = await Promise.all([sim(opening), sim(opening)])
      return {
        upstreams: named(
          name,
          [first, second].map(({ url }, i) => at(url, opening, { priority: i })),
        ),
        play: async ({ ask }) => {
          await askTimes(between(random, 1, 2), () => ask())
          first.order({ kind: 'error-event', afterTokens: between(random, 1, 10) })
          return [(await ask({ tokens: 30 })).ray]
        },
      }
    },
  },
  {
    title: 'workers die one after the other under one answer',
    expects: 'gateway-crash',
    isAlone: true,
    open: async (opening) => {
      const { random, name } = opening
      const server = await sim(opening, { engine: { decodeRate: 20 } })
      return {
        upstreams: named(name, [at(server.url, opening)]),
        settings: { workers: 2 },
        play: async (playing) => {
          const kill = async (): Promise<void> => {
            for (const pid of await workerPids(playing.gateway)) process.kill(pid, 'SIGKILL')
          }
          const struck = await strikeMiddle(playing, kill, { tokens: 100, after: between(random, 2, 10) })
          await sleep(between(random, 2500, 4000))
          await kill()
          await sleep(8000)
          return [struck.ray]
        },
      }
    },
  },
]
