/** What the fuzz drives: a gateway of two processes with model servers behind it that go wrong on command. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { openSimServer, type SimServer } from '../../../lab/sim-server.ts'
import type { ConfigInput } from '../../../src/config.ts'
import { freePort, type Gateway, startGateway, workerPids } from '../../crash/gateway.ts'

/** Faults that a prompt orders by name, as `@cut@`: at all servers of `m`; with `one-` before it at one. */
export const orderedFaults = [
  ...(['reset', 'hang', 'stalled-head', 'garbage', '429', '500', '503', '502-html', 'context-length'] as const),
  ...(['empty-200', 'bad-json-200', 'stall', 'cut', 'truncate', 'malformed-chunk', 'error-event'] as const),
] as const

/** Those that strike an answer that has begun. */
export const bodyFaults = ['stall', 'cut', 'truncate', 'malformed-chunk', 'error-event'] as const

export const keys = { all: 'fuzz-key-of-all', few: 'fuzz-key-of-few', leaver: 'fuzz-key-leaver' } as const
/** Models of which something is wrong, beside `m`. */
export const oddModels = ['dead', 'nowhere', 'keyed', 'absent', 'claude', 'chat-only', 'slow', 'nobody'] as const
export const limits = { bodyBytesMax: 200_000, headerBytesMax: 16_384, headersMs: 900, requestMs: 1500 } as const

export interface World extends AsyncDisposable {
  readonly port: number
  readonly adminPort: number
  readonly state: string
  /** One thing that may happen to a gateway, by its number; resolves when it serves again. */
  upset(number: number): Promise<string>
  /** When the last such thing ended, and whether one is going on; monotonic. */
  readonly upsetMs: () => number
}

export async function openWorld(): Promise<World> {
  await using parts = new AsyncDisposableStack()
  const state = await mkdtemp(join(tmpdir(), 'holdfast-fuzz-'))
  parts.defer(() => rm(state, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 }))
  const two = [parts.use(await openServer('m')), parts.use(await openServer('m'))] as const
  for (const kind of orderedFaults) {
    for (const server of two) server.order({ kind, match: { promptContains: `@${kind}@` } })
    two[0].order({ kind, match: { promptContains: `@one-${kind}@` } })
  }
  const brittle = parts.use(await openServer('brittle'))
  for (const kind of bodyFaults) brittle.order({ kind, match: { promptContains: `@${kind}@` } })
  for (const server of two) server.order({ kind: 'slow', factor: 40, match: { promptContains: '@slow@' } })
  const long = parts.use(await openServer('long', { engine: { decodeRate: 5000 } }))
  const others = {
    long,
    brittle,
    keyed: parts.use(await openServer('keyed', { apiKey: 'the-right-one' })),
    claude: parts.use(await openServer('claude', { profile: 'anthropic' })),
    chat: parts.use(await openServer('chat-only')),
    slow: parts.use(await openServer('slow', { engine: { slots: 1, waitingMax: 1 } })),
  }
  others.slow.order({ kind: 'slow', factor: 60 })
  const [port, adminPort] = [await freePort(), await freePort()]
  const config = join(state, 'holdfast.json')
  await writeFile(config, JSON.stringify(configOf(two, others)))
  const flags = ['--state', state, '--config', config, '--port', String(port), '--admin-port', String(adminPort)]
  let gateway: Gateway = await startGateway(...flags)
  parts.defer(() => endWhole(gateway))
  let upsetMs = Number.NEGATIVE_INFINITY
  const upset = async (number: number): Promise<string> => {
    upsetMs = Number.POSITIVE_INFINITY
    const [words, act] = upsets[number % upsets.length] as (typeof upsets)[number]
    const ended = await act(gateway)
    if (ended) gateway = await startGateway(...flags)
    upsetMs = performance.now()
    return words
  }
  const opened = parts.move()
  return { port, adminPort, state, upset, upsetMs: () => upsetMs, [Symbol.asyncDispose]: () => opened.disposeAsync() }
}

function openServer(model: string, options: Parameters<typeof openSimServer>[0] = {}): Promise<SimServer> {
  return openSimServer({ model, contextTokensMax: 4096, ...options })
}

/** True where the gateway is to be started again. */
const upsets: readonly (readonly [string, (gateway: Gateway) => Promise<boolean>])[] = [
  [
    'new workers in the place of the old ones',
    async ({ pid }) => {
      process.kill(pid, 'SIGUSR2')
      await sleep(3000)
      return false
    },
  ],
  [
    'a worker is killed',
    async (gateway) => {
      const [pid] = await workerPids(gateway)
      if (pid !== undefined) process.kill(pid, 'SIGKILL')
      await sleep(2000)
      return false
    },
  ],
  [
    'the gateway is stopped and started',
    async (gateway) => {
      await endWhole(gateway)
      return true
    },
  ],
  [
    'the gateway is killed and started',
    async (gateway) => {
      await gateway.end('SIGKILL')
      // Its workers go on with what they have in hand, and take nothing new: the port is free at once.
      await sleep(200)
      return true
    },
  ],
]

/** The first signal drains, the second ends all at once. */
async function endWhole(gateway: Gateway): Promise<void> {
  void gateway.end('SIGTERM')
  await sleep(1500)
  await gateway.end('SIGTERM')
}

type Others = Readonly<Record<'brittle' | 'long' | 'keyed' | 'claude' | 'chat' | 'slow', SimServer>>

function configOf(
  two: readonly [SimServer, SimServer],
  { brittle, long, keyed, claude, chat, slow }: Others,
): ConfigInput {
  const full = ['chat', 'completions', 'embeddings', 'responses', 'messages', 'count_tokens'] as const
  const at = ({ url }: Pick<SimServer, 'url'>, model: string, more: object = {}) => ({
    ...{ url: `${url}/v1`, kind: 'vllm' as const, models: [model], probe: 'call' as const, ...more },
  })
  const names = { 'm-a': two[0], 'm-b': two[1] }
  return {
    workers: 2,
    keys: [
      { name: 'all', key: keys.all },
      { name: 'few', key: keys.few, models: ['claude'] },
      { name: 'leaver', key: keys.leaver, onDisconnect: 'cancel' },
    ],
    limits: { ...limits, callsLiveMax: 10, idleMs: 2000, drainMs: 1000, retireMs: 2000 },
    overload: { limits: 'fixed', callsMax: 8, waitingMax: 4, waitMs: { standard: 300, batch: 100, premium: 600 } },
    timeouts: {
      connectMs: 500,
      firstTokenMs: 1500,
      firstTokenSwitchMs: 700,
      interTokenMs: 800,
      wholeMs: 3000,
      patienceMs: 200,
    },
    journal: { answerBytesMax: 60_000 },
    streams: { appendBytesMax: 20_000, waitersMax: 3, longPollMs: 300, streamBytesMax: 40_000, streamsMax: 60 },
    log: { level: 'warn' },
    upstreams: {
      ...Object.fromEntries(
        Object.entries(names).map(([name, server]) => [name, at(server, 'm', { speaks: [...full] })]),
      ),
      // Nobody goes on with what it begins.
      brittle: at(brittle, 'brittle', { speaks: [...full], continues: [] }),
      long: at(long, 'long', { speaks: [...full] }),
      dead: at({ url: 'http://127.0.0.1:1' }, 'dead'),
      nowhere: at({ url: 'http://no-such-host.invalid' }, 'nowhere'),
      keyed: at(keyed, 'keyed', { key: 'the-wrong-one' }),
      absent: at(two[0], 'absent'),
      claude: at(claude, 'claude', { kind: 'anthropic', key: 'k' }),
      chat: at(chat, 'chat-only', { speaks: ['chat'] }),
      slow: at(slow, 'slow', { speaks: [...full] }),
    },
  }
}
