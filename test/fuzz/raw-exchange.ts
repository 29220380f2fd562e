/** Writes bytes to a port and gives all that comes back. */
import { connect, type Socket } from 'node:net'

export interface Silence {
  /** Without a byte before the first one came, and after. */
  readonly firstMs: number
  readonly quietMs: number
  /** When we say that nothing more will come from us; left out: never. */
  readonly endMs?: number
}

export interface Exchanged {
  readonly text: string
  /** The other side closed it; else we had waited long enough. */
  readonly isClosed: boolean
}

/** `open`: a connection being made; default is plain TCP to 127.0.0.1. */
export function exchange(port: number, bytes: Buffer, silence: Silence, open?: () => Socket): Promise<Exchanged> {
  const { promise, resolve } = Promise.withResolvers<Exchanged>()
  const socket = open?.() ?? connect(port, '127.0.0.1')
  const pieces: Buffer[] = []
  const end = (isClosed: boolean): void => {
    clearTimeout(timer)
    clearTimeout(ender)
    socket.destroy()
    resolve({ text: Buffer.concat(pieces).toString('latin1'), isClosed })
  }
  let timer = setTimeout(end, silence.firstMs, false)
  const ender = silence.endMs === undefined ? undefined : setTimeout(() => socket.end(), silence.endMs)
  socket.on('error', () => {})
  socket.on('close', () => end(true))
  socket.on('data', (piece) => {
    pieces.push(piece as Buffer)
    clearTimeout(timer)
    timer = setTimeout(end, silence.quietMs, false)
  })
  socket.write(bytes)
  return promise
}
