/**
 * The load client for machines without a C compiler: the same flags and result as native/load.c, but it may be the
 * bottleneck.
 */
import { readFileSync } from 'node:fs'
import { Agent, type IncomingMessage, request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import type { LoadResult } from '../rig.ts'
import { quantile } from '../statistics.ts'

const errorsMax = 20_000
const samplesMax = 2_000_000

const mode = process.argv[2] ?? ''
const flags = new Map<string, string>()
const headers: Record<string, string> = { 'content-type': 'application/json', authorization: 'Bearer bench' }
for (let i = 3; i + 1 < process.argv.length; i += 2) {
  const [name = '', value = ''] = process.argv.slice(i, i + 2)
  if (name !== '--header') flags.set(name.slice(2), value)
  else headers[value.slice(0, value.indexOf(':'))] = value.slice(value.indexOf(':') + 1).trim()
}
const flag = (name: string, otherwise: number): number => Number(flags.get(name) ?? otherwise)
const ask = {
  port: flag('port', 0),
  connections: flag('connections', 64),
  seconds: flag('seconds', 2),
  count: flag('count', Number.POSITIVE_INFINITY),
  leaveAfter: flag('leave-after', Number.POSITIVE_INFINITY),
  isRepeating: flag('repeat', 0) !== 0,
  lateUs: flag('late-us', 20_000),
}
const pids = (flags.get('pids') ?? '').split(',').filter((pid) => pid !== '')

const tally = {
  units: 0,
  late: 0,
  answers: 0,
  errors: 0,
  lost: 0,
  repeated: 0,
  cut: 0,
  finished: 0,
  unfinished: 0,
  left_early: 0,
}
const delaysUs: number[] = []
const firstUs: number[] = []
let firstError = ''
let isInWindow = false
let isClosing = false
let busyCount = 0
let atWorkCount = 0

function directives(): string {
  const names = { chunks: 20, 'interval-us': 20_000, size: 200, 'first-us': 0, hold: 0 }
  return Object.entries(names)
    .map(([name, otherwise]) => `${name.replace('-', '_')}=${flag(name, otherwise)}`)
    .join(' ')
}

const prompt = `bench ${directives()} `.padEnd(flag('body-bytes', 1024) - 90, 'a')
const body = JSON.stringify({ model: 'mock', stream: mode === 'sse', messages: [{ role: 'user', content: prompt }] })

function countError(words: string): void {
  tally.errors++
  firstError ||= words.replaceAll(/["\\\n]/g, ' ')
}

function keep(samples: number[], valueUs: number): void {
  if (isInWindow && samples.length < samplesMax) samples.push(valueUs)
}

/** utime + stime of the given processes, microseconds. */
function cpuUs(): number {
  const ticks = pids.map((pid) => {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1')
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
    return Number(fields[11]) + Number(fields[12])
  })
  return ticks.reduce((sum, value) => sum + value, 0) * 10_000
}

interface Reading {
  next: number
  total: number
  hasDone: boolean
  rest: string
}

function takeText(reading: Reading, text: string, sentMs: number, onFirst: () => void): void {
  const lines = (reading.rest + text).split('\n')
  reading.rest = lines.pop() ?? ''
  for (const line of lines) {
    const mark = /"#([0-9a-f]{8})@([0-9a-f]{16})/.exec(line)
    if (mark === null) {
      const total = /"\$([0-9a-f]{8})".*"finish_reason":"stop"/.exec(line)?.[1]
      if (total !== undefined) reading.total = Number.parseInt(total, 16)
      if (line.includes('[DONE]')) reading.hasDone = true
      continue
    }
    const sequence = Number.parseInt(mark[1] ?? '', 16)
    if (sequence < reading.next) {
      tally.repeated++
      continue
    }
    tally.lost += sequence - reading.next
    reading.next = sequence + 1
    if (sequence === 0) {
      onFirst()
      keep(firstUs, (performance.now() - sentMs) * 1000)
    }
    const delayUs = Number(process.hrtime.bigint() - BigInt(`0x${mark[2]}`)) / 1000
    keep(delaysUs, delayUs)
    if (isInWindow) {
      tally.units++
      if (delayUs > ask.lateUs) tally.late++
    }
  }
}

async function readAnswer(
  message: IncomingMessage,
  sentMs: number,
  meantMs: number,
  onFirst: () => void,
): Promise<void> {
  const reading: Reading = { next: 0, total: -1, hasDone: false, rest: '' }
  if (message.statusCode !== 200) {
    message.resume()
    throw new Error(`status ${message.statusCode}`)
  }
  message.setEncoding('latin1')
  for await (const text of message as AsyncIterable<string>) {
    if (mode !== 'sse') continue
    takeText(reading, text, sentMs, onFirst)
    if (reading.next >= ask.leaveAfter) {
      tally.left_early++
      tally.answers++
      message.destroy()
      return
    }
  }
  tally.answers++
  onFirst()
  if (mode === 'sse') {
    tally.finished++
    if (!reading.hasDone || reading.total < 0) tally.cut++
    else tally.lost += Math.max(0, reading.total - reading.next)
  } else {
    keep(delaysUs, (performance.now() - meantMs) * 1000)
    if (isInWindow) tally.units++
  }
}

async function askOnce(agent: Agent, meantMs: number, onFirst: () => void): Promise<void> {
  busyCount++
  const sentMs = performance.now()
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
  const options = {
    port: ask.port,
    host: '127.0.0.1',
    method: 'POST',
    path: flags.get('path') ?? '/v1/chat/completions',
    agent,
  }
  const sent = request({ ...options, headers: { ...headers, 'content-length': body.length } }, resolve)
  sent.on('error', reject).end(body)
  try {
    await readAnswer(await promise, sentMs, meantMs, onFirst)
  } catch (error) {
    if (!isClosing) countError(error instanceof Error ? error.message : String(error))
  }
  onFirst()
  busyCount--
}

const isEnough = (): boolean => isClosing || tally.answers + tally.errors >= ask.count || tally.errors >= errorsMax

async function connection(agent: Agent, startMs: number): Promise<void> {
  await sleep(startMs)
  let isStarted = false
  const onFirst = (): void => {
    if (!isStarted) atWorkCount++
    isStarted = true
  }
  do await askOnce(agent, performance.now(), onFirst)
  while ((mode === 'unary' || ask.isRepeating) && !isEnough())
}

/** Requests at Poisson moments, whether or not earlier ones were answered. */
async function arrivals(agent: Agent): Promise<void> {
  atWorkCount = ask.connections
  const rate = flag('rate', 500)
  for (let meantMs = performance.now(); !isEnough(); meantMs += (-Math.log(1 - Math.random()) / rate) * 1000) {
    const leftMs = meantMs - performance.now()
    if (leftMs > 0) await sleep(leftMs)
    void askOnce(agent, meantMs, () => {})
  }
}

async function tellMock(path: string): Promise<void> {
  const port = flag('mock-port', 0)
  if (port > 0) await (await fetch(`http://127.0.0.1:${port}${path}`, { method: 'POST' })).text()
}

async function until(isReached: () => boolean, limitMs: number): Promise<void> {
  const giveUpAt = performance.now() + limitMs
  while (!isReached() && performance.now() < giveUpAt) await sleep(1)
}

function report(seconds: number, cpu: number, ownCpu: number): LoadResult {
  const percentile = (samples: readonly number[], share: number): number =>
    samples.length > 0 ? quantile(samples, share) : 0
  return {
    mode,
    seconds,
    ...tally,
    unfinished: busyCount,
    cpu_us: cpu,
    own_cpu_us: ownCpu,
    p50_us: percentile(delaysUs, 0.5),
    p90_us: percentile(delaysUs, 0.9),
    p99_us: percentile(delaysUs, 0.99),
    max_us: percentile(delaysUs, 1),
    first_count: firstUs.length,
    first_p50_us: percentile(firstUs, 0.5),
    first_p99_us: percentile(firstUs, 0.99),
    first_error: firstError,
  }
}

const agent = new Agent({ keepAlive: true, maxSockets: ask.connections })
const stepMs = flag('ramp-ms', 0) / ask.connections
if (mode === 'open') void arrivals(agent)
else for (let i = 0; i < ask.connections; i++) void connection(agent, i * stepMs)
await until(() => atWorkCount >= ask.connections, 30_000)
if (flag('hold', 0) !== 0) await tellMock('/go')
await sleep(flag('warmup-ms', 300))
isInWindow = true
const openedMs = performance.now()
const [cpuBefore, ownBefore] = [cpuUs(), process.cpuUsage()]
console.log(JSON.stringify({ event: 'steady', connections: atWorkCount }))
await until(() => isEnough(), ask.seconds * 1000)
isInWindow = false
const seconds = (performance.now() - openedMs) / 1000
const own = process.cpuUsage(ownBefore)
const cpu = cpuUs() - cpuBefore
isClosing = true
if (mode === 'sse') await tellMock('/finish')
await until(() => busyCount === 0, flag('drain-ms', 5000))
console.log(JSON.stringify(report(seconds, cpu, own.user + own.system)))
process.exit(0)
