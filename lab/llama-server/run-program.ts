/** Runs one program to its end, for the steps that fetch and check the engine. */
import { spawn } from 'node:child_process'

export interface ProgramOptions {
  readonly environment?: NodeJS.ProcessEnv
  readonly folder?: string
  readonly signal?: AbortSignal | undefined
  /** Longest time it may take before it is killed. */
  readonly timeoutMs: number
}

export interface ProgramResult {
  /** Exit status; null if it could not be started, was killed or took too long. */
  readonly status: number | null
  /** Standard output and error together, the last 16 KiB of it. */
  readonly output: string
}

const outputBytesMax = 16 * 1024

/** Never rejects because the program failed: that is in the result. Rejects with the signal's reason when aborted. */
export async function runProgram(
  file: string,
  commandLine: readonly string[],
  options: ProgramOptions,
): Promise<ProgramResult> {
  options.signal?.throwIfAborted()
  const { promise, resolve } = Promise.withResolvers<ProgramResult>()
  const child = spawn(file, commandLine, {
    cwd: options.folder,
    env: options.environment ?? process.env,
    stdio: ['ignore', 'pipe', 'pipe'],
    signal: options.signal,
    timeout: options.timeoutMs,
    killSignal: 'SIGKILL',
  })
  let output = ''
  const keep = (bytes: Buffer): void => {
    output = (output + bytes.toString()).slice(-outputBytesMax)
  }
  child.stdout.on('data', keep)
  child.stderr.on('data', keep)
  child.on('error', (error) => resolve({ status: null, output: `${output}${error.message}\n` }))
  child.on('close', (status) => resolve({ status, output }))
  const result = await promise
  options.signal?.throwIfAborted()
  return result
}
