/** One program run as a step of a script: timed, its output kept. */
import { spawn } from 'node:child_process'
import { dirname, join } from 'node:path'

export interface StepResult {
  readonly name: string
  readonly isGood: boolean
  readonly seconds: number
  readonly output: string
}

export const root: string = dirname(import.meta.dirname)
/** Output beyond this is cut at its beginning. */
const outputLengthMax = 2_000_000

export interface StepOptions {
  readonly folder?: string
  readonly environment?: Record<string, string>
  readonly timeoutMs?: number
  /** Called with the output as it comes. */
  readonly onOutput?: (text: string) => void
}

/** Runs `program` (looked for in node_modules/.bin first) and resolves with what it said, whether good or bad. */
export function runStep(
  name: string,
  program: string,
  args: readonly string[],
  options: StepOptions = {},
): Promise<StepResult> {
  const startMs = performance.now()
  const path = `${join(root, 'node_modules', '.bin')}:${process.env['PATH'] ?? ''}`
  return new Promise((resolve) => {
    let output = ''
    const child = spawn(program, args, {
      cwd: options.folder ?? root,
      env: { ...process.env, PATH: path, ...options.environment },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: options.timeoutMs ?? 600_000,
    })
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        output = (output + text).slice(-outputLengthMax)
        options.onOutput?.(text)
      })
    }
    const end = (isGood: boolean): void =>
      resolve({ name, isGood, seconds: (performance.now() - startMs) / 1000, output })
    child.on('error', (error) => {
      output += error.message
      end(false)
    })
    child.on('close', (code) => end(code === 0))
  })
}
