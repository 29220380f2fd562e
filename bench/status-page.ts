/**
 * Does the status page stand what comes when everybody looks at it at once? Thousands of views a second at one core;
 * with `--overload`, it is the page of a gateway that is asked for four times what it can give on the other core.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { StatusPageOrder } from '../src/cli/status-page.ts'
import { pageFiles } from '../src/status/page/page-files.ts'
import { SnapshotFolder } from '../src/status/page/snapshot-folder.ts'
import { wordsOf } from '../src/status/page/words/languages.ts'
import { readPage } from '../src/edge/page.ts'
import { troubledView } from '../test/status/page-views.ts'
import { Command, flag, say, text } from './command.ts'
import { awaitPort, canPin, freePort, gatewayCore, launch, loadCore, repository, wordsOf as told } from './launch.ts'
import { describeMachine, machineTicks } from './machine.ts'
import { measureCapacity } from './overload/capacity.ts'
import { runLoad, startEngines } from './overload/scene.ts'
import { keyOf, tenants } from './overload/workload.ts'
import { startHoldfast } from './peer/holdfast.ts'
import { cpuTicks, processTree } from './process-tree.ts'
import { writeSection } from './report.ts'
import type { ViewOrder, ViewResult } from './status/view-load.ts'

const usage = `usage: npm run bench:status -- [options]
  --views N      a second, default 2000
  --seconds N    default 20, of which the first quarter is not counted
  --fresh SHARE  of the views, on a connection of their own; default 0.25
  --overload     the page of a gateway at four times its capacity, which is on the other core
  --seed N       default 1
  --json FILE    everything measured, as JSON
  --write        put the report into bench/README.md`

const overloadTimes = 4
const speed = 2.5
const barMs = 100

interface Ask extends Omit<ViewOrder, 'port'> {
  readonly isOverloaded: boolean
  readonly json: string | undefined
  readonly isWriting: boolean
}

function readAsk(): Ask {
  const command = new Command(usage, {
    ...{ views: text, seconds: text, fresh: text, overload: flag, seed: text, json: text, write: flag },
  })
  const seconds = command.number('seconds', 20, 4, 600)
  return {
    viewsPerSecond: command.number('views', 2000, 1, 50_000),
    seconds,
    settleSeconds: seconds / 4,
    freshShare: command.number('fresh', 0.25, 0, 1),
    seed: command.count('seed', 1, 0, 2 ** 31),
    isOverloaded: command.is('overload'),
    json: command.text('json'),
    isWriting: command.is('write'),
  }
}

function pin(pid: number, core: number): void {
  if (canPin) spawnSync('taskset', ['-acp', String(core), String(pid)])
}

interface Served extends AsyncDisposable {
  readonly port: number
  /** Of the process that serves the page. */
  readonly pid: number
}

/** The page of a made-up view in trouble, with 20 components, served by its process alone. */
async function serveAlone(): Promise<Served> {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-bench-status-'))
  const style = { path: 'style.css', contentType: 'text/css', bytes: Buffer.from(readPage('status/style.css')) }
  const setting = { languages: wordsOf(['en', 'de']), logo: null, staleMinutes: 1440, feeds: [], canSubscribe: false }
  const files = [style, ...pageFiles(troubledView(20), setting)]
  await new SnapshotFolder(join(folder, 'page')).write(files, Date.now())
  const ownerFile = join(folder, 'owner')
  writeFileSync(ownerFile, 'bench\n') // without it the page has nobody, and ends
  const port = await freePort()
  const order: StatusPageOrder = {
    ...{ host: '127.0.0.1', port, maxAgeSeconds: 10, connectionsMax: 2000, readersMax: 1000, languages: ['en', 'de'] },
    ...{
      folder: join(folder, 'page'),
      staleMinutes: 1440,
      ownerFile,
      owner: 'bench',
      subscriptions: null,
    },
  }
  const program = launch(process.execPath, [join(repository, 'src/cli/holdfast.ts')], {
    core: loadCore,
    env: { HOLDFAST_STATUS: JSON.stringify(order) },
  })
  await awaitPort(port, program)
  return {
    port,
    pid: program.pid,
    [Symbol.asyncDispose]: async () => {
      await program.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

const isPageProcess = (pid: number): boolean => {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'latin1').includes('HOLDFAST_STATUS=')
  } catch {
    return false
  }
}

/** The page of a gateway under four times the load of its engines, all of which is on the other core. */
async function serveBesideOverload(seed: number, seconds: number): Promise<Served> {
  await using parts = new AsyncDisposableStack()
  const engines = await startEngines(speed)
  parts.defer(async () => void (await Promise.all(engines.map((each) => each.stop()))))
  for (const { pid } of engines) pin(pid, gatewayCore)
  const urls = engines.map(({ url }) => url)
  const { callsPerSecond } = await measureCapacity(urls, seed, speed)
  say(`capacity: ${callsPerSecond.toFixed(1)} answers/s`)
  const port = await freePort()
  const settings = {
    upstreams: Object.fromEntries(engines.map(({ url }, i) => [`engine-${i + 1}`, { url: `${url}/v1` }])),
    keys: tenants.map(({ name, tier }) => ({ name, key: keyOf(name), tier })),
    limits: { drainMs: 0 },
    status: { page: { port } },
  }
  const core = gatewayCore
  const gateway = await startHoldfast({ name: 'status', port: 0, adminPort: 0, journal: 'memory', settings, core })
  parts.defer(() => gateway.stop())
  const pid = processTree(gateway.pids()[0] ?? 0).find(isPageProcess) ?? 0
  if (pid === 0) throw new Error('the gateway has no process for its page')
  pin(pid, loadCore)
  const load = runLoad({
    ...{ urls: [gateway.url], seed, seconds, callsPerSecond: overloadTimes * callsPerSecond, clients: 0 },
    deadlineSeconds: { premium: 2, standard: 2, batch: 6 },
    ...{ tellsDeadline: true, isReturning: false },
  })
  parts.defer(async () => {
    const { records } = await load
    const refused = records.filter(({ outcome }) => outcome === 'refused').length
    say(`the gateway was asked ${records.length} times and refused ${refused}`)
  })
  load.catch(() => {})
  await sleep(2000)
  const kept = parts.move()
  return { port, pid, [Symbol.asyncDispose]: () => kept.disposeAsync() }
}

async function runViews(order: ViewOrder): Promise<ViewResult> {
  let result: ViewResult | null = null
  const file = join(import.meta.dirname, 'status/view-load.ts')
  const program = launch(process.execPath, [file, JSON.stringify(order)], {
    core: loadCore,
    onLine: (line) => (result = JSON.parse(line) as ViewResult),
  })
  const code = await program.exited
  if (result === null) throw new Error(`the readers ended with ${code}:\n${program.tail()}`)
  return result
}

async function main(ask: Ask): Promise<number> {
  const machine = describeMachine()
  // What has no core of its own is on the gateway's: its engines, and those who call it.
  pin(process.pid, gatewayCore)
  await using served = ask.isOverloaded ? await serveBesideOverload(ask.seed, ask.seconds + 3) : await serveAlone()
  const [before, ticks] = [machineTicks(), cpuTicks([served.pid])]
  const result = await runViews({ ...ask, port: served.port })
  const after = machineTicks()
  const pageShare = (cpuTicks([served.pid]) - ticks) / 100 / ask.seconds
  const busy = (after.busy - before.busy) / (after.all - before.all)
  const where = ask.isOverloaded ? `beside a gateway at ${overloadTimes}× its capacity` : 'nothing beside it'
  const rows = [
    '| views/s | p50 ms | p90 ms | p99 ms | worst ms | errors | page process, of a core | its readers, of the same core |',
    '| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |',
    `| ${result.perSecond.toFixed(0)} | ${result.p50Ms.toFixed(2)} | ${result.p90Ms.toFixed(2)} | ${result.p99Ms.toFixed(1)} | ${result.maxMs.toFixed(0)} | ${result.errors} | ${Math.round(pageShare * 100)} % | ${Math.round(result.cpuMs / 10 / ask.seconds)} % |`,
    '',
    `- ${machine.date} UTC, commit ${machine.commit}; ${machine.processor}, ${machine.coreCount} cores, Node ${machine.node}; ${where}; seed ${ask.seed}.`,
    `- ${result.counted} views in ${ask.seconds - ask.settleSeconds} s, ${Math.round(ask.freshShare * 100)} % on a connection of their own, ${(result.bytesPerView / 1000).toFixed(1)} kB a view; readers late by ${result.lagP99Ms.toFixed(1)} ms (p99); machine ${Math.round(busy * 100)} % busy, load before ${machine.loadBefore.toFixed(2)}.`,
  ]
  process.stdout.write(`${rows.join('\n')}\n`)
  if (result.firstError !== '') say(`first error: ${result.firstError}`)
  if (ask.json !== undefined)
    writeFileSync(ask.json, `${JSON.stringify({ ask, machine, result, pageShare }, null, 2)}\n`)
  if (ask.isWriting) writeSection(ask.isOverloaded ? 'status, overload' : 'status', rows.join('\n'))
  return result.errors === 0 && result.p99Ms < barMs ? 0 : 1
}

const status = await main(readAsk()).catch((error: unknown) => {
  say(told(error))
  return 1
})
process.exit(status)
