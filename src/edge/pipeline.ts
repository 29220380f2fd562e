/**
 * Requests that come on a connection of HTTP/1.1 before the one ahead is answered: each is taken up when its turn has
 * come, and nothing is read meanwhile. node:http would hand all of them on at once, and so one visitor could have
 * thousands of requests under way with an application.
 */
import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Clock } from '../ground/clock.ts'

/** That wait on one connection; it closes behind the last of them, and the visitor asks anew for the rest. */
const waitingMax = 64

/** What waits on a connection on which an answer is under way. */
interface Line {
  readonly waiting: (() => void)[]
  /** Nothing is read, for our sake. */
  isHeld: boolean
}

export class Pipeline {
  #clock: Pick<Clock, 'soon'>
  #lines = new WeakMap<Socket, Line>()

  constructor(clock: Pick<Clock, 'soon'>) {
    this.#clock = clock
  }

  /** Runs `handle` when all answers before this one are out; never, where the connection ends before. */
  take(response: ServerResponse, handle: () => void): void {
    const { socket } = response.req
    const line = this.#lines.get(socket)
    const run = (): void => {
      response.once('close', () => this.#next(socket))
      handle()
    }
    if (!line) {
      this.#lines.set(socket, { waiting: [], isHeld: false })
      return run()
    }
    if (line.waiting.push(run) >= waitingMax) response.shouldKeepAlive = false
    // Not at once: node:http reads on behind each request.
    if (line.waiting.length === 1) this.#clock.soon(() => hold(socket, line))
  }

  #next(socket: Socket): void {
    const line = this.#lines.get(socket)
    const run = socket.destroyed ? undefined : line?.waiting.shift()
    if (!run) this.#lines.delete(socket)
    run?.()
    if (line) hold(socket, line)
  }
}

function hold(socket: Socket, line: Line): void {
  const isHeld = line.waiting.length > 0
  if (isHeld) socket.pause()
  else if (line.isHeld) socket.resume()
  line.isHeld = isHeld
}
