/** What every driver of machines promises, asked of a real one: replicas in containers or pods. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DriverFault } from '../../src/fleet/driver-fault.ts'
import type { Driver, ReplicaOrder, SeenReplica, Spec } from '../../src/fleet/driver.ts'
import type { ProgramName } from './replica-program.ts'

/** A world in which replicas can run, and what breaks in it. */
export interface ReplicaBench {
  /** Another driver for the same world, as a control process that comes after a dead one has. */
  openDriver(site?: string): Promise<Driver>
  spec(program: ProgramName): Spec
  /** Of a program that is not there. */
  readonly absentSpec: Spec
  /** Left out: it has. A control plane without real nodes has no logs. */
  readonly hasLogs?: boolean
  /** Whether the world itself fell apart, for which no driver can be blamed; says how. */
  isBroken?(): string | null
  /** Ends the replica from outside, as a crash does. */
  crash(name: string): Promise<void>
}

const waitMs = 30_000
const lookMs = 100

export async function until<Seen>(look: () => Promise<Seen | null | undefined | false>, what: string): Promise<Seen> {
  for (let waited = 0; waited < waitMs; waited += lookMs) {
    const seen = await look()
    if (seen) return seen
    await new Promise((resolve) => setTimeout(resolve, lookMs))
  }
  throw new Error(`not within ${waitMs} ms: ${what}`)
}

export async function find(driver: Driver, name: string): Promise<SeenReplica | undefined> {
  return (await driver.list()).find((replica) => replica.name === name)
}

export async function asked(url: string | null, path = '/health'): Promise<{ pid: number; who: string | null } | null> {
  if (url === null) return null
  try {
    const answer = await fetch(`${url}${path}`, { signal: AbortSignal.timeout(2000) })
    return (await answer.json()) as { pid: number; who: string | null }
  } catch {
    return null
  }
}

/** Until it answers. */
export async function serving(driver: Driver, name: string): Promise<SeenReplica & { readonly pid: number }> {
  return await until(async () => {
    const replica = await find(driver, name)
    if (replica?.phase === 'gone') throw new Error(`${name} is gone: ${JSON.stringify(replica.exit)}`)
    const answer = await asked(replica?.url ?? null)
    return replica && answer && { ...replica, pid: answer.pid }
  }, `${name} serves`)
}

export function orderOf(name: string, spec: Spec): ReplicaOrder {
  return { name, deployment: 'chat', release: 'v1', spec }
}

/** @param bench a reason in its place: then each test is skipped and says it */
export function replicaSuite(bench: () => ReplicaBench | string): void {
  const on = (name: string, run: (bench: ReplicaBench, driver: Driver) => Promise<void>): void => {
    test(name, { timeout: 120_000 }, async (t) => {
      const world = bench()
      if (typeof world === 'string') return t.skip(world)
      await using driver = await world.openDriver()
      try {
        await run(world, driver)
      } catch (error) {
        const how = world.isBroken?.()
        if (!how) throw error
        t.skip(how)
      }
    })
  }

  on('a replica is started, found, asked, and stopped without a trace', async (world, driver) => {
    await driver.start(orderOf('chat-v1-1', world.spec('good')))
    const seen = await serving(driver, 'chat-v1-1')
    assert.equal(seen.phase, 'running')
    assert.equal(seen.deployment, 'chat')
    assert.equal(seen.release, 'v1')
    assert.equal(seen.exit, null)
    assert.ok(seen.startedMs > Date.parse('2020-01-01'))
    if (world.hasLogs !== false) assert.match(await driver.logs('chat-v1-1', 10), /it listens/)
    await driver.stop('chat-v1-1', 5000)
    assert.equal(await find(driver, 'chat-v1-1'), undefined)
    assert.equal(await asked(seen.url), null)
    await driver.stop('chat-v1-1', 5000)
  })

  on('two orders for one name are one replica, and so is a third when it runs', async (world, driver) => {
    const order = orderOf('chat-v1-2', world.spec('good'))
    await Promise.all([driver.start(order), driver.start(order)])
    const { pid } = await serving(driver, 'chat-v1-2')
    await using second = await world.openDriver()
    await Promise.all([driver.start(order), second.start(order)])
    assert.equal((await serving(second, 'chat-v1-2')).pid, pid)
    assert.equal((await driver.list()).filter(({ name }) => name === 'chat-v1-2').length, 1)
    await Promise.all([driver.stop('chat-v1-2', 2000), second.stop('chat-v1-2', 2000)])
    assert.equal(await find(driver, 'chat-v1-2'), undefined)
  })

  on('replicas outlive their driver, and another adopts them', async (world, driver) => {
    {
      await using first = await world.openDriver()
      await first.start(orderOf('chat-v1-3', world.spec('good')))
      await serving(first, 'chat-v1-3')
    }
    await serving(driver, 'chat-v1-3')
    await using stranger = await world.openDriver('another')
    assert.deepEqual(await stranger.list(), [])
    await stranger.stop('chat-v1-3', 0)
    await serving(driver, 'chat-v1-3')
    await driver.stop('chat-v1-3', 0)
    assert.equal(await find(driver, 'chat-v1-3'), undefined)
  })

  on('one that ignores SIGTERM is killed when its time is over', async (world, driver) => {
    await driver.start(orderOf('chat-v1-4', world.spec('stubborn')))
    const { url } = await serving(driver, 'chat-v1-4')
    await driver.stop('chat-v1-4', 1000)
    assert.equal(await find(driver, 'chat-v1-4'), undefined)
    assert.equal(await asked(url), null)
  })

  on('one that ends at once says how and why', async (world, driver) => {
    await driver.start(orderOf('chat-v1-5', world.spec('dying')))
    const exit = await until(async () => (await find(driver, 'chat-v1-5'))?.exit, 'its exit is known')
    assert.equal(exit.code, 3)
    assert.equal(exit.isOutOfMemory, false)
    assert.match(exit.lastWords, /no such weights: small\.gguf/)
    await driver.stop('chat-v1-5', 0)
    assert.equal(await find(driver, 'chat-v1-5'), undefined)
  })

  on('a program that is not there is an error that names it', async (world, driver) => {
    const said = await driver.start(orderOf('chat-v1-6', world.absentSpec)).then(
      async () => (await until(async () => (await find(driver, 'chat-v1-6'))?.exit, 'its exit is known')).lastWords,
      (error: unknown) => {
        assert.ok(error instanceof DriverFault)
        return error.message
      },
    )
    assert.match(said, /no-such-program|nowhere/)
    await driver.stop('chat-v1-6', 0)
    assert.equal(await find(driver, 'chat-v1-6'), undefined)
  })

  on('a crash is told without being asked for, and the name can be used again', async (world, driver) => {
    let changes = 0
    using _watch = driver.watch(() => changes++)
    const order = orderOf('chat-v1-7', world.spec('good'))
    await driver.start(order)
    const { pid, startedMs } = await serving(driver, 'chat-v1-7')
    changes = 0
    await world.crash('chat-v1-7')
    await until(async () => changes > 0, 'the change is told')
    const seen = await until(async () => {
      const replica = await find(driver, 'chat-v1-7')
      return replica && (replica.exit || replica.startedMs !== startedMs || (await asked(replica.url))?.pid !== pid)
        ? replica
        : null
    }, 'the crash is seen')
    // A cluster starts it anew by itself; elsewhere that is for whoever gave the order.
    if (seen.exit) {
      assert.equal(seen.exit.signal, 'SIGKILL')
      assert.equal(seen.phase, 'gone')
      await driver.start(order)
    }
    await serving(driver, 'chat-v1-7')
    await driver.stop('chat-v1-7', 1000)
  })
}
