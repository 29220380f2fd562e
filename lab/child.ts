/** A model server as a child process of ours: started, waited for, and never left behind. */
import { type ChildProcess, spawn } from 'node:child_process'

export interface ChildServer {
  readonly url: string
  readonly pid: number
  /** What it wrote last, for error messages; bounded. */
  readonly tail: () => string
  /** How it ended, once it has. */
  readonly exited: Promise<Exit>
  /** Asks it to end, and makes sure. */
  stop(): Promise<void>
  /** Sends it a signal as the fault would; for one that ends it, see `exited`. */
  kill(signal: NodeJS.Signals): Promise<void>
}

export interface Exit {
  /** Null where a signal ended it, or it never began. */
  readonly exitCode: number | null
  readonly signal: string | null
}

export interface ChildOptions {
  readonly environment?: NodeJS.ProcessEnv
  /**
   * The program does not look at its standard input (one that does ends by itself when the pipe closes, since we are
   * gone then). A watcher process beside it ends it in that case.
   */
  readonly isDeaf?: boolean
}

/** What is kept of a child's output. */
const tailLengthMax = 4096
/** Time for a child to end by itself before it is killed. */
const stopMs = 3000

/**
 * Waits until its standard input closes, which it does with our end, however that comes, and kills what it was given.
 */
const watcherScript = 'read -r word; kill -KILL "$1"'

/** Keeps a child process in hand: its last words, its end with ours. */
export class OwnedChild {
  readonly process: ChildProcess
  #tail = ''
  #end: Promise<Exit>
  #onExit = (): void => void this.process.kill('SIGKILL')

  constructor(
    program: string,
    args: readonly string[],
    { environment = process.env, isDeaf = false }: ChildOptions = {},
  ) {
    // A process group of its own: Ctrl-C in the terminal is for the gateway, which still has answers to finish on it.
    this.process = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'], env: environment, detached: true })
    this.process.stdin?.on('error', () => {})
    for (const stream of [this.process.stdout, this.process.stderr]) {
      stream?.on('data', (bytes: Buffer) => {
        this.#tail = (this.#tail + bytes.toString('utf8')).slice(-tailLengthMax)
      })
    }
    this.#end = new Promise((resolve) => {
      this.process.once('exit', (exitCode, signal) => resolve({ exitCode, signal }))
      this.process.once('error', (error) => {
        this.#tail += error.message
        resolve({ exitCode: null, signal: null })
      })
    })
    const watcher = isDeaf && this.process.pid !== undefined ? watchOver(this.process.pid) : undefined
    process.once('exit', this.#onExit)
    void this.#end.then(() => {
      process.off('exit', this.#onExit)
      watcher?.kill('SIGKILL')
    })
  }

  get tail(): string {
    return this.#tail
  }

  get isOver(): boolean {
    return this.process.exitCode !== null || this.process.signalCode !== null || this.process.pid === undefined
  }

  /** Resolves when the process is gone. */
  get exited(): Promise<Exit> {
    this.#hold(true)
    return this.#end
  }

  /** It runs, and holds nobody up who has nothing else to do: it ends with us. */
  leaveAlone(): void {
    this.#hold(false)
  }

  /** Whether our process goes on for as long as this one. */
  #hold(isHeld: boolean): void {
    for (const each of [this.process, this.process.stdin, this.process.stdout, this.process.stderr]) {
      const handle = each as { ref?(): void; unref?(): void } | null
      if (isHeld) handle?.ref?.()
      else handle?.unref?.()
    }
  }

  /** Sends the signal; resolves when the process is gone, or at once for signals that only stop it or wake it up. */
  async kill(signal: NodeJS.Signals): Promise<void> {
    if (!this.isOver) this.process.kill(signal)
    if (signal !== 'SIGSTOP' && signal !== 'SIGCONT') await this.exited
  }

  /** SIGTERM, and SIGKILL to one that is still there (or asleep) after 3 s. */
  async stop(): Promise<void> {
    if (this.isOver) return
    this.process.kill('SIGTERM')
    const timer = setTimeout(() => this.process.kill('SIGKILL'), stopMs)
    await this.exited
    clearTimeout(timer)
  }
}

function watchOver(pid: number): ChildProcess {
  const watcher = spawn('/bin/sh', ['-c', watcherScript, 'holdfast-lab-watcher', String(pid)], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  })
  watcher.on('error', () => {}) // no shell on this system: then only SIGKILL of ourselves leaves the child behind
  watcher.stdin?.on('error', () => {})
  watcher.unref()
  return watcher
}
