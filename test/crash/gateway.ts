/** A gateway as its users run it: a process of its own, with whatever flags. */
import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

export interface Gateway extends AsyncDisposable {
  readonly url: string
  readonly adminUrl: string
  readonly pid: number
  /** The log lines so far, parsed. */
  readonly lines: readonly Record<string, unknown>[]
  /** Sends a signal and resolves with the exit code. */
  end(signal: NodeJS.Signals): Promise<number | null>
}

const readyMs = 30_000
const main = join(import.meta.dirname, '../../src/cli/holdfast.ts')

/** Starts `holdfast run` with these flags on ports of the system's choice; its state goes to a folder of its own. */
export async function startGateway(...flags: string[]): Promise<Gateway> {
  const state = await mkdtemp(join(tmpdir(), 'holdfast-test-'))
  const args = [main, 'run', '--port', '0', '--admin-port', '0', '--state', state, ...flags]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'], cwd: state })
  const lines: Record<string, unknown>[] = []
  let complaint = ''
  child.stderr.on('data', (bytes: Buffer) => {
    complaint = (complaint + bytes.toString()).slice(-4000)
  })
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve))
  const ready = await new Promise<{ url: string; adminUrl: string }>((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`the gateway was not ready in time: ${complaint}`)), readyMs)
    createInterface({ input: child.stdout }).on('line', (line) => {
      const value = JSON.parse(line) as { event?: string; url: string; adminUrl: string }
      if (value.event !== 'ready') return void lines.push(value)
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
    lines,
    end,
    [Symbol.asyncDispose]: async () => {
      await end('SIGKILL')
      await rm(state, { recursive: true, force: true })
    },
  }
}
