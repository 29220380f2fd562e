/** A gateway as its users run it: a process of its own, with whatever flags. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

export interface Gateway extends AsyncDisposable {
  readonly url: string
  readonly adminUrl: string
  readonly pid: number
  readonly upstreams: readonly { readonly name: string; readonly url: string }[]
  /** Its state folder; gone with it, unless it was named by a flag. */
  readonly state: string
  /** The log lines so far, parsed. */
  readonly lines: readonly Record<string, unknown>[]
  /** Sends a signal and resolves with the exit code. */
  end(signal: NodeJS.Signals): Promise<number | null>
}

/** No promise: several gateways may start at once, beside other tests. */
const readyMs = 120_000
/** The command's own file. */
export const main = join(import.meta.dirname, '../../src/cli/holdfast.ts')

/** The command itself. */
export function holdfast(...args: string[]): Promise<{ code: number | null; output: string }> {
  const child = spawn(process.execPath, [main, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (bytes: Buffer) => (output += bytes.toString()))
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, output })))
}

/** Processes that serve, by the gateway's own word; those that are still starting are left out. */
export async function workerPids({ adminUrl }: Pick<Gateway, 'adminUrl'>): Promise<number[]> {
  const answer = await fetch(`${adminUrl}/readyz`)
  const { workers = [] } = (await answer.json()) as { workers?: { pid: number; isReady?: boolean }[] }
  return workers.filter(({ isReady }) => isReady).map(({ pid }) => pid)
}

/** A port that is free now; for a gateway that must come back on the same one. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

/**
 * Starts `holdfast run` with these flags on ports of the system's choice; its state goes to a folder of its own. Flags
 * that are given win.
 */
export async function startGateway(...flags: string[]): Promise<Gateway> {
  return startProgram(main, {}, flags)
}

/** The same with another program in the place of the command, and more in its environment. */
export async function startProgram(
  program: string,
  environment: Readonly<Record<string, string>>,
  flags: readonly string[],
): Promise<Gateway> {
  const named = flags.lastIndexOf('--state')
  const state = named === -1 ? await mkdtemp(join(tmpdir(), 'holdfast-test-')) : (flags[named + 1] as string)
  await mkdir(state, { recursive: true })
  const args = [program, 'run', '--port', '0', '--admin-port', '0', '--state', state, ...flags]
  const env = { ...process.env, ...environment }
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'], cwd: state, env })
  const lines: Record<string, unknown>[] = []
  let complaint = ''
  child.stderr.on('data', (bytes: Buffer) => {
    complaint = (complaint + bytes.toString()).slice(-4000)
  })
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve))
  const ready = await new Promise<Pick<Gateway, 'url' | 'adminUrl' | 'upstreams'>>((resolve, reject) => {
    const late = setTimeout(() => {
      child.kill('SIGKILL') // nobody else would
      reject(new Error(`the gateway was not ready in time: ${complaint}`))
    }, readyMs)
    createInterface({ input: child.stdout }).on('line', (line) => {
      const value = JSON.parse(line) as { event?: string } & Pick<Gateway, 'url' | 'adminUrl' | 'upstreams'>
      if (value.event !== 'ready') return void lines.push({ ...value })
      clearTimeout(late)
      resolve(value)
    })
    void ended.then((code) => reject(new Error(`the gateway ended with ${code}: ${complaint}`)))
  })
  const end = async (signal: NodeJS.Signals): Promise<number | null> => {
    if (child.exitCode === null && child.signalCode === null) child.kill(signal)
    return ended
  }
  return {
    ...ready,
    pid: child.pid ?? 0,
    state,
    lines,
    end,
    [Symbol.asyncDispose]: async () => {
      await end('SIGKILL')
      if (named === -1) await rm(state, { recursive: true, force: true, maxRetries: 10 })
    },
  }
}
