/**
 * Starts the programs of a bench, pinned to a core where the machine can, and sees to it that none outlives the run.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { processTree } from './process-tree.ts'

export const repository = join(import.meta.dirname, '..')
export const cache = join(repository, '.cache')

/** Core of the gateway under test, and core of load and model server. */
export const gatewayCore = 0
export const loadCore = 1

export interface LaunchOptions {
  readonly core?: number
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
  /** Arguments put before the command, such as `chrt -r 1`. */
  readonly prefix?: readonly string[]
  readonly onLine?: (line: string) => void
  /** Standard output goes straight to this file instead, so that reading a busy log costs the bench nothing. */
  readonly outputFile?: string
}

export interface Launched {
  readonly pid: number
  /** Settles with the exit code; null when a signal ended it. */
  readonly exited: Promise<number | null>
  pids(): number[]
  /** The last lines of both outputs, for the message when something went wrong. */
  tail(): string
  /** SIGTERM, three seconds of patience, then SIGKILL for whatever is left of the tree. */
  stop(): Promise<void>
}

const tailLinesMax = 20
const running = new Set<ChildProcess>()

/** The machine has taskset and more than one core; otherwise programs run unpinned. */
export const canPin = spawnSync('taskset', ['-c', String(loadCore), 'true']).status === 0
/** The machine lets us run programs in the real-time class, which keeps neighbours out of low-rate delays. */
export const canRunRealtime = spawnSync('chrt', ['-r', '1', 'true']).status === 0

process.once('exit', () => {
  for (const child of running) {
    for (const pid of processTree(child.pid ?? 0)) kill(pid, 'SIGKILL')
  }
})
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))

function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch {
    // Gone already.
  }
}

/** Starts a program; its lines of standard output go to `onLine`. */
export function launch(command: string, args: readonly string[], options: LaunchOptions = {}): Launched {
  const pin = canPin && options.core !== undefined ? ['taskset', '-c', String(options.core)] : []
  const [program = command, ...rest] = [...pin, ...(options.prefix ?? []), command, ...args]
  const output = options.outputFile === undefined ? null : openSync(options.outputFile, 'w')
  const child = spawn(program, rest, {
    cwd: options.cwd ?? repository,
    env: { ...process.env, ...options.env },
    stdio: ['ignore', output ?? 'pipe', 'pipe'],
  })
  if (output !== null) closeSync(output)
  running.add(child)
  const tail: string[] = []
  const keep = (line: string): void => {
    tail.push(line)
    if (tail.length > tailLinesMax) tail.shift()
  }
  if (child.stdout !== null) eachLine(child.stdout, (line) => (keep(line), options.onLine?.(line)))
  if (child.stderr !== null) eachLine(child.stderr, keep)
  const exited = new Promise<number | null>((resolve) => {
    child.once('error', (error) => (keep(String(error)), running.delete(child), resolve(null)))
    child.once('close', (code) => (running.delete(child), resolve(code)))
  })
  const pid = child.pid ?? 0
  return {
    pid,
    exited,
    pids: () => processTree(pid),
    tail: () => tail.join('\n'),
    stop: () => stop(pid, exited),
  }
}

async function stop(pid: number, exited: Promise<number | null>): Promise<void> {
  const tree = processTree(pid)
  kill(pid, 'SIGTERM')
  const isGone = await Promise.race([exited.then(() => true), sleep(3000, false, { ref: false })])
  if (!isGone) for (const member of tree) kill(member, 'SIGKILL')
  await exited
}

function eachLine(stream: NodeJS.ReadableStream, take: (line: string) => void): void {
  let rest = ''
  stream.setEncoding('utf8')
  stream.on('data', (text: string) => {
    const lines = (rest + text).split('\n')
    rest = (lines.pop() ?? '').slice(-65_536)
    for (const line of lines) take(line)
  })
  stream.on('end', () => rest !== '' && take(rest))
}

/** Keeps this process, and whatever it starts without a core of its own, away from the gateway's core. */
export function pinSelf(): void {
  if (canPin) spawnSync('taskset', ['-acp', String(loadCore), String(process.pid)])
}

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer()
  const { promise, resolve } = Promise.withResolvers<void>()
  server.listen(0, '127.0.0.1', resolve)
  await promise
  const address = server.address()
  await new Promise((done) => server.close(done))
  if (address === null || typeof address === 'string') throw new Error('no free port')
  return address.port
}

/** Waits until something accepts connections on the port. Throws with the program's last words if it ends before. */
export async function awaitPort(port: number, program: Launched, limitMs = 15_000): Promise<void> {
  const giveUpAt = performance.now() + limitMs
  let isOver = false
  void program.exited.then(() => (isOver = true))
  while (performance.now() < giveUpAt && !isOver) {
    const { promise, resolve } = Promise.withResolvers<boolean>()
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
    const isOpen = await promise
    socket.destroy()
    if (isOpen) return
    await sleep(50)
  }
  throw new Error(`not listening on port ${port}:\n${program.tail()}`)
}

/** Runs a command to its end; throws with its output when it fails. For preparation, not for measuring. */
export function runToEnd(command: string, args: readonly string[], cwd: string = repository): string {
  const result = spawnSync(command, args, { cwd, encoding: 'utf8', timeout: 180_000, maxBuffer: 2 ** 26 })
  if (result.status !== 0) throw new Error(`${command} ${args.join(' ')} failed: ${result.error ?? result.stderr}`)
  return result.stdout
}

/** Moves programs into the real-time class or back; does nothing where that is not allowed. */
export function setRealtime(pids: readonly number[], isRealtime: boolean): void {
  if (!canRunRealtime) return
  for (const pid of pids)
    spawnSync('chrt', isRealtime ? ['-a', '-r', '-p', '1', `${pid}`] : ['-a', '-o', '-p', '0', `${pid}`])
}

export const wordsOf = (thrown: unknown): string => (thrown instanceof Error ? thrown.message : String(thrown))
