// A checker that never finds anything proves nothing: for each, a bug is planted that it has to find.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Fault } from '../../src/fault/fault.ts'
import type { Reply } from '../../src/relay/reply.ts'
import type { Wire } from '../../src/relay/wire/wire.ts'
import type { EntryListener, Journal } from '../../src/store/journal.ts'
import type { Sabotage } from '../world/gateway.ts'
import type { SimProcess } from '../world/sim-process.ts'
import type { StoryPlan } from '../world/story.ts'
import type { CheckName } from './checks.ts'
import { drawScenario, type Scenario } from './scenario.ts'
import { simulate } from './simulate.ts'
import type { WorldFault } from './world-fault.ts'

const story: StoryPlan = {
  name: 'story-0',
  caller: 'ann',
  route: 'chat',
  isStream: true,
  isStored: true,
  tokens: 40,
  tokensMax: null,
  idempotencyKey: null,
  onDisconnect: 'detach',
  beginsMs: 500,
  readers: [{ name: 'c0a', afterMs: 0, drops: [], rest: null, leavesAt: null, repostsAt: null }],
  cancelsAfterMs: null,
}

/** A small world in which nothing goes wrong by itself. */
function world(faults: readonly WorldFault[] = [], more: Partial<StoryPlan> = {}): Scenario {
  const server = {
    ...({ kind: 'vllm', imitates: 'vllm', prefill: 'asked' } as const),
    echoesPrefix: false,
    firstTokenMs: 50,
    tokenMs: 40,
  }
  return {
    ...drawScenario(1),
    gateways: 2,
    servers: [server, server],
    stories: [{ ...story, ...more }],
    faults,
    delay: [1, 5],
    diskMs: 5,
    bufferBytesMax: 64_000,
    leaseMs: 1000,
  }
}

async function checksThatFound(scenario: Scenario, sabotage: Sabotage): Promise<CheckName[]> {
  const { violations } = await simulate(scenario, { sabotage })
  return [...new Set(violations.map(({ check }) => check))]
}

async function finds(check: CheckName, scenario: Scenario, sabotage: Sabotage): Promise<void> {
  assert.deepEqual(await checksThatFound(scenario, {}), [], 'without the bug the world is clean')
  const found = await checksThatFound(scenario, sabotage)
  assert.ok(found.includes(check), `${check} should have been found, not only ${found.join(', ') || 'nothing'}`)
}

/** A reply that passes everything on, but for what is given. `onDrain` and `onGone` stay those of the world's reply. */
function replyWith(reply: Reply, change: Partial<Reply>): Reply {
  const passed: Reply = {
    begin: (head) => reply.begin(head),
    write: (bytes) => reply.write(bytes),
    end: () => reply.end(),
    breakOff: () => reply.breakOff(),
    fail: (fault) => reply.fail(fault),
    onDrain: () => {},
    onGone: () => {},
    ...change,
  }
  reply.onDrain = () => passed.onDrain()
  reply.onGone = () => passed.onGone()
  return passed
}

/** A journal that passes everything on to the real one, but for what is given. */
function journalWith(journal: Journal, change: (real: Journal) => Partial<Journal>): Journal {
  const changed = change(journal)
  return new Proxy(journal, {
    get: (real, name) => {
      const own = Reflect.get(changed, name) as unknown
      if (own !== undefined) return own
      const value = Reflect.get(real, name) as unknown
      return typeof value === 'function' ? (value.bind(real) as unknown) : value
    },
  })
}

function listening(change: (listener: EntryListener) => Partial<EntryListener>): Sabotage['journal'] {
  const wrap = (listener: EntryListener): EntryListener => ({
    onKept: (count) => listener.onKept(count),
    onLost: (fault) => listener.onLost(fault),
    onCancel: () => listener.onCancel(),
    ...change(listener),
  })
  return (journal) =>
    journalWith(journal, (real) => ({
      begin: (info, request, listener) => real.begin(info, request, wrap(listener)),
      adopt: (ray, listener) => real.adopt(ray, wrap(listener)),
    }))
}

function wireWith(wire: Wire, send: Wire['send']): Wire {
  return {
    send,
    get openCount() {
      return wire.openCount
    },
    get idleCount() {
      return wire.idleCount
    },
    [Symbol.asyncDispose]: () => wire[Symbol.asyncDispose](),
  }
}

const serverTrouble: WorldFault = { kind: 'call', atMs: 900, server: 0, fault: { kind: 'cut', afterTokens: 5 } }
const bothServers: readonly WorldFault[] = [
  { kind: 'server crash', atMs: 900, server: 0, forMs: 60_000 },
  { kind: 'server crash', atMs: 900, server: 1, forMs: 60_000 },
]

test('an event that is sent twice', () =>
  finds('sequence', world(), {
    reply: (reply) => replyWith(reply, { write: (bytes) => reply.write(bytes) && reply.write(bytes) }),
  }))

test('an event that is left out', () => {
  let count = 0
  const write = (reply: Reply, bytes: Buffer): boolean => ++count === 7 || reply.write(bytes)
  return finds('sequence', world(), { reply: (reply) => replyWith(reply, { write: (bytes) => write(reply, bytes) }) })
})

test('two events that change places', () => {
  let held: Buffer | null = null
  let count = 0
  const write = (reply: Reply, bytes: Buffer): boolean => {
    if (++count === 7) {
      held = Buffer.from(bytes)
      return true
    }
    const isRoom = reply.write(bytes)
    if (held) reply.write(held)
    held = null
    return isRoom
  }
  return finds('sequence', world(), { reply: (reply) => replyWith(reply, { write: (bytes) => write(reply, bytes) }) })
})

test('an event that goes out before it is kept', () =>
  finds('unkept', world(), {
    journal: (journal) =>
      journalWith(journal, (real) => ({
        begin: (info, request, listener) => {
          const entry = real.begin(info, request, listener)
          const append = (event: Buffer, aside?: Buffer): void => {
            entry.append(event, aside)
            listener.onKept(entry.count)
          }
          return new Proxy(entry, {
            get: (target, name) => {
              if (name === 'append') return append
              const value = Reflect.get(target, name) as unknown
              return typeof value === 'function' ? (value.bind(target) as unknown) : value
            },
          })
        },
      })),
  }))

test('a byte that is changed on its way out', () => {
  const change = (bytes: Buffer): Buffer => Buffer.from(bytes.toString('latin1').replace('w9-', 'w8-'), 'latin1')
  return finds('unkept', world(), {
    reply: (reply) => replyWith(reply, { write: (bytes) => reply.write(change(bytes)) }),
  })
})

test('a text of which a piece was lost on its way from the model server', () =>
  finds('text', world(), {
    wire: (wire) =>
      wireWith(wire, (request, receiver) =>
        wire.send(request, {
          onHead: (head) => receiver.onHead(head),
          onBody: (bytes) => {
            if (!bytes.includes('"content":" w9-')) receiver.onBody(bytes)
          },
          onEnd: () => receiver.onEnd(),
          onFail: (fault) => receiver.onFail(fault),
        }),
      ),
  }))

test('a broken answer that ends as if it were whole', () =>
  finds('ending', world(bothServers), {
    reply: (reply) => {
      let isBroken = false
      return replyWith(reply, {
        write: (bytes) => {
          isBroken ||= bytes.includes('"cause":"HF_')
          return isBroken || reply.write(bytes)
        },
        breakOff: () => reply.end(),
      })
    },
  }))

test('an answer that is not known any more', () =>
  finds('lost', world([], { readers: [{ ...story.readers[0]!, drops: [{ atCount: 5, awayMs: 100 }] }] }), {
    journal: (journal) => journalWith(journal, () => ({ open: () => Promise.resolve(null) })),
  }))

test('a gateway that was stopped and writes on without a lease', () => {
  // One after the other, so that one of them has the answer.
  const stops: readonly WorldFault[] = [
    { kind: 'gateway stop', atMs: 900, gateway: 0, forMs: 1500 },
    { kind: 'gateway stop', atMs: 4000, gateway: 1, forMs: 1500 },
  ]
  return finds('journal', world(stops, { tokens: 200 }), { fence: false })
})

test('an event that is handed out long after it was kept', () =>
  finds('late', world(), {
    journal: (journal, process: SimProcess) =>
      listening((listener) => ({ onKept: (count) => void process.clock.after(2500, () => listener.onKept(count)) }))!(
        journal,
        process,
      ),
  }))

test('a call that is sent to a model server twice', () =>
  finds('calls', world(), {
    wire: (wire) =>
      wireWith(wire, (request, receiver) => {
        wire.send(request, { onHead: () => {}, onBody: () => {}, onEnd: () => {}, onFail: () => {} })
        return wire.send(request, receiver)
      }),
  }))

test('a call that is sent once more and begun once more', () => {
  const reader = { ...story.readers[0]!, repostsAt: 5 }
  const isOfTwins = (id: string): boolean => id.startsWith('lost/')
  return finds('calls', world([], { readers: [reader], tokens: 200 }), {
    journal: (journal) =>
      journalWith(journal, (real) => ({
        open: (id) => (isOfTwins(id) ? Promise.resolve(null) : real.open(id)),
        find: () => Promise.resolve([]),
      })),
  })
})

test('a cancel of which the gateway never hears', () =>
  finds('cancel', world([], { cancelsAfterMs: 200, tokens: 60 }), {
    journal: listening(() => ({ onCancel: () => {} }))!,
  }))

test('a failure that nothing in the world accounts for', () =>
  finds('cause', world(), {
    wire: (wire) =>
      wireWith(wire, (request, receiver) => {
        let isOver = false
        const flight = wire.send(request, {
          onHead: (head) => receiver.onHead(head),
          onBody: (bytes) => {
            if (isOver) return
            receiver.onBody(bytes)
            if (!bytes.includes('-')) return
            isOver = true
            flight.cancel()
            receiver.onFail(new Fault('HF_UPSTREAM_CUT'))
          },
          onEnd: () => receiver.onEnd(),
          onFail: (fault) => receiver.onFail(fault),
        })
        return flight
      }),
  }))

test('an answer that never ends', () =>
  finds('liveness', world(), { reply: (reply) => replyWith(reply, { end: () => {}, breakOff: () => {} }) }))

test('a connection to a model server that is never closed', () =>
  finds('leak', world([serverTrouble], { cancelsAfterMs: 200, tokens: 4000 }), {
    wire: (wire) =>
      wireWith(wire, (request, receiver) => {
        const flight = wire.send(request, receiver)
        return {
          pause: () => flight.pause(),
          resume: () => flight.resume(),
          cancel: () => {},
          sentMs: 0,
          isSent: flight.isSent,
        }
      }),
  }))

test('a timer that nobody takes back', () =>
  finds('leak', world(), {
    journal: (journal, process: SimProcess) =>
      journalWith(journal, (real) => ({
        begin: (...all) => {
          process.clock.every(60_000, () => {})
          return real.begin(...all)
        },
      })),
  }))

test('a write behind the end', () =>
  finds('reply', world(), {
    reply: (reply) =>
      replyWith(reply, {
        end: () => {
          reply.end()
          reply.write(Buffer.from('data: late\n\n'))
        },
      }),
  }))

test('production code that throws', () =>
  finds('crash', world(), {
    reply: (reply) =>
      replyWith(reply, {
        write: () => {
          throw new TypeError('planted')
        },
      }),
  }))
