/** Starts a simulated model server as a child process, for whoever wants to kill it. */
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { type ChildServer, OwnedChild } from './child.ts'

/**
 * Flags of `holdfast lab sim`, without the dashes: `{ profile: 'llamacpp', rate: 500, 'kv-blocks': 100, 'echo-prefix':
 * true }`.
 */
export type SimFlags = Readonly<Record<string, string | number | boolean>>

/** Time for the child to listen. */
const readyMs = 20_000

function toArguments(flags: SimFlags): string[] {
  return Object.entries(flags).flatMap(([name, value]) =>
    value === true ? [`--${name}`] : value === false ? [] : [`--${name}`, String(value)],
  )
}

/**
 * Resolves when the server listens; it ends with this process at the latest. @throws {Error} with its last words when
 * it does not start.
 */
export async function startSim(flags: SimFlags = {}): Promise<ChildServer> {
  // Our own name tells whether we run from the sources or compiled.
  const main = fileURLToPath(new URL(import.meta.url.endsWith('.ts') ? './main.ts' : './main.js', import.meta.url))
  const child = new OwnedChild(process.execPath, [main, 'sim', '--tied', ...toArguments(flags)])
  const url = await readUrl(child)
  child.leaveAlone()
  return {
    url,
    pid: child.process.pid ?? 0,
    tail: () => child.tail,
    get exited() {
      return child.exited
    },
    stop: () => child.stop(),
    kill: (signal) => child.kill(signal),
  }
}

/** The URL in the child's ready line. */
async function readUrl(child: OwnedChild): Promise<string> {
  const { stdout } = child.process
  if (!stdout) throw new Error('the lab server has no standard output')
  const late = setTimeout(() => void child.kill('SIGKILL'), readyMs)
  try {
    for await (const line of createInterface({ input: stdout })) {
      if (!line.startsWith('{"event":"ready"')) continue
      return String((JSON.parse(line) as { url: unknown }).url)
    }
  } finally {
    clearTimeout(late)
    // The reader of lines leaves the stream paused; a full pipe would stop the child.
    stdout.resume()
  }
  await child.stop()
  throw new Error(`the lab server did not start: ${child.tail.trim()}`)
}
