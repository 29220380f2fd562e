/**
 * The simulated model server: HTTP in front of a simulated engine. It answers like one of five servers (`profile.ts`),
 * says what any client can verify byte for byte (`answer.ts`), and goes wrong on command (`fault-plan.ts`,
 * `/lab/faults`).
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { systemClock, type Clock } from '../src/ground/clock.ts'
import { answerRange } from './answer.ts'
import { Engine, type EngineOptions } from './engine.ts'
import { FaultPlan, type FaultOrder } from './fault-plan.ts'
import { profiles, routeOf, type ProfileName } from './profile.ts'
import { answerAdmin, giveOrder, takeBack } from './sim/admin-route.ts'
import { CallLog } from './sim/call-log.ts'
import { Ear } from './sim/ear.ts'
import { Exchange } from './sim/exchange.ts'
import { checkCaller, RateWindow } from './sim/gate.ts'
import { generate } from './sim/generate-route.ts'
import { Refusal } from './sim/refusal.ts'
import { answerSide } from './sim/side-route.ts'
import type { Sim, SimSettings } from './sim/sim.ts'

export interface SimServerOptions extends Partial<SimSettings> {
  /** Address to listen on; default 127.0.0.1. */
  readonly host?: string
  /** Default 0: one chosen by the system. */
  readonly port?: number
  /** Which server to pass for; default vllm. */
  readonly profile?: ProfileName
  /** The engine's rates and sizes; the profile's slots and queue where not given. */
  readonly engine?: Partial<EngineOptions>
  readonly clock?: Clock
  /** What `crash-on-poison` does beyond breaking all connections; the command line exits here. */
  readonly onCrash?: () => void
}

export interface SimServer extends AsyncDisposable {
  /** Without a path: `http://127.0.0.1:41234`. */
  readonly url: string
  readonly port: number
  readonly engine: Engine
  readonly calls: CallLog
  /**
   * Gives a fault order; its id, or null for one that is carried out at once. @throws {TypeError} when it is not well
   * formed.
   */
  order(order: FaultOrder): number | null
  /** Takes back one order, or all. */
  takeBack(id?: number): void
  /** Breaks all connections and stops listening. Idempotent. */
  close(): Promise<void>
}

const settingsDefault: Omit<SimSettings, 'contextTokensMax'> = {
  model: 'lab-model',
  apiKey: null,
  bodyBytesMax: 64 * 2 ** 20,
  answerRange,
  echoesPrefix: false,
  answersAtRandom: false,
  requestsPerMinute: 0,
  embeddingSize: 32,
}

/** Context of the lab model when the memory is large enough. */
const contextTokensDefault = 131_072

function readSettings(options: SimServerOptions, engine: Engine): SimSettings {
  const {
    model,
    apiKey,
    bodyBytesMax,
    answerRange: range,
    echoesPrefix,
    answersAtRandom,
    requestsPerMinute,
    embeddingSize,
  } = { ...settingsDefault, ...options }
  const contextTokensMax = Math.min(options.contextTokensMax ?? contextTokensDefault, engine.contextTokensMax)
  return {
    model,
    apiKey,
    bodyBytesMax,
    answerRange: range,
    echoesPrefix,
    answersAtRandom,
    requestsPerMinute,
    embeddingSize,
    contextTokensMax,
  }
}

/** Starts a simulated model server in this process. @throws {Error} when it cannot listen. */
export async function openSimServer(options: SimServerOptions = {}): Promise<SimServer> {
  const profile = profiles[options.profile ?? 'vllm']
  const clock = options.clock ?? systemClock
  const engine = new Engine({ slots: profile.slots, waitingMax: profile.waitingMax, clock, ...options.engine })
  const server = createServer({ keepAliveTimeout: 65_000 })
  const host = options.host ?? '127.0.0.1'
  const ear = new Ear(server, host, clock)
  const close = (): Promise<void> => {
    engine.drop()
    return ear.close()
  }
  await ear.open(options.port ?? 0)
  const { port } = ear
  const sim: Sim = {
    settings: readSettings(options, engine),
    profile,
    clock,
    engine,
    faults: new FaultPlan(),
    calls: new CallLog(),
    leaked: [],
    crash: () => void close().then(() => options.onCrash?.()),
    refuse: (ms) => ear.refuse(ms),
  }
  const window = new RateWindow(sim.settings.requestsPerMinute)
  server.on(
    'request',
    (request: IncomingMessage, response: ServerResponse) => void answer(sim, window, request, response),
  )
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${port}`,
    port,
    engine,
    calls: sim.calls,
    close,
    order: (order) => giveOrder(sim, order).id,
    takeBack: (id) => takeBack(sim, id ?? null),
    [Symbol.asyncDispose]: close,
  }
}

async function answer(sim: Sim, window: RateWindow, request: IncomingMessage, response: ServerResponse): Promise<void> {
  // A client may leave at any moment; both ends then fail, and that is no event here.
  request.on('error', () => {})
  response.on('error', () => {})
  const url = URL.parse(request.url ?? '/', 'http://lab')
  if (url === null) return void response.writeHead(400, { connection: 'close' }).end()
  if (url.pathname.startsWith('/lab/'))
    return answerAdmin(sim, request, response, url).catch(() => void response.destroy())
  const route = routeOf(sim.profile, request.method ?? 'GET', url.pathname)
  const exchange = new Exchange(sim, request, response, route)
  try {
    if (route === null) throw new Refusal('unknown_route', `Not Found: ${request.method ?? ''} ${url.pathname}`)
    checkCaller(exchange, window)
    await exchange.readBody()
    if (route === 'chat' || route === 'completions' || route === 'responses' || route === 'messages')
      generate(exchange, route)
    else answerSide(exchange, route)
  } catch (error) {
    if (response.destroyed) return
    exchange.refuse(
      error instanceof Refusal
        ? error
        : new Refusal('internal', error instanceof Error ? error.message : String(error)),
    )
  }
}
