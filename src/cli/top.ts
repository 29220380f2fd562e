/** `holdfast top`: the overview of a running gateway in a terminal, anew every second. `q` ends it. */
import { safeJson } from '../ground/one-line.ts'
import { askGateway } from './ask-gateway.ts'
import type { ConsoleState } from './console-desk.ts'
import { paint } from './terminal-text.ts'
import { topScreen } from './top-screen.ts'

const periodMs = 1000
/** Where the output has no size, as in a pipe. */
const usualSize = { columns: 100, rows: 200 }

const openScreen = '\u001b[?1049h\u001b[?25l'
const closeScreen = '\u001b[?25h\u001b[?1049l'

export interface TopOptions {
  readonly state?: string
  readonly once?: boolean
  readonly json?: boolean
}

/** Resolves when somebody ends it. @throws {NoGateway} when there is none at the start. */
export async function top({ state = '.holdfast', once = false, json = false }: TopOptions): Promise<void> {
  const look = async (): Promise<ConsoleState | null> => askGateway<ConsoleState>(state, '/console/state')
  const first = await look()
  if (!first) throw new Error('This gateway is of a version that tells nothing of the kind: restart it.')
  const { stdin, stdout } = process
  if (json) return void stdout.write(`${safeJson(JSON.stringify(first))}\n`)
  if (once || !stdout.isTTY) {
    const plain = stdout.isTTY ? (line: string) => line : withoutColors
    return void stdout.write(`${topScreen(first, usualSize).map(plain).join('\n')}\n`)
  }
  await showUntilEnd(first, look, stdin, stdout)
}

async function showUntilEnd(
  first: ConsoleState,
  look: () => Promise<ConsoleState | null>,
  stdin: NodeJS.ReadStream,
  stdout: NodeJS.WriteStream,
): Promise<void> {
  let shown = first
  let trouble = ''
  const draw = (): void => {
    const size = { columns: stdout.columns, rows: stdout.rows - 1 }
    const lines = topScreen(shown, size)
    const foot = trouble === '' ? paint('q ends', 'dim') : paint(trouble.slice(0, size.columns), 'red')
    // Each line is cleared behind its end, so that nothing flickers.
    stdout.write(`\u001b[H${lines.map((line) => `${line}\u001b[K\r\n`).join('')}${foot}\u001b[J`)
  }
  const isOver = untilEnd(stdin)
  stdout.write(openScreen)
  process.once('exit', () => stdout.write(closeScreen))
  stdout.on('resize', draw)
  draw()
  let isLooking = false
  const timer = setInterval(() => {
    if (isLooking) return
    isLooking = true
    const looked = look().then(
      (state) => {
        shown = state ?? shown
        trouble = ''
      },
      (error: unknown) => (trouble = error instanceof Error ? error.message : String(error)),
    )
    void looked.finally(() => {
      isLooking = false
      draw()
    })
  }, periodMs)
  await isOver
  clearInterval(timer)
  stdout.removeListener('resize', draw)
  if (stdin.isTTY) stdin.setRawMode(false)
  stdin.pause()
}

/** Resolves at `q`, Ctrl-C, or a signal that ends. */
function untilEnd(stdin: NodeJS.ReadStream): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => resolve())
    if (!stdin.isTTY) return
    stdin.setRawMode(true)
    stdin.on('data', (bytes: Buffer) => {
      if (/[q\u0003\u0004]/i.test(bytes.toString())) resolve()
    })
    stdin.once('end', () => resolve())
  })
}

function withoutColors(line: string): string {
  return line.replace(/\u001b\[\d+m/g, '').trimEnd()
}
