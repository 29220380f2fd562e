/** Whether somebody is at home where a server was: a connection, and nothing more. */
import type { Clock } from '../../ground/clock.ts'
import { Dial } from './dial.ts'
import type { Names } from './names.ts'

const knockMs = 1000

/** `nobody`: the connection was refused. `unknown`: neither taken nor refused in time, or there is no address. */
export type Knock = 'somebody' | 'nobody' | 'unknown'

export function knock({ hostname, port, protocol }: URL, names: Pick<Names, 'find'>, clock: Clock): Promise<Knock> {
  const { promise, resolve } = Promise.withResolvers<Knock>()
  names.find(hostname.replace(/^\[(.*)\]$/, '$1'), (error, addresses) => {
    if (error || addresses.length === 0) return resolve('unknown')
    const dial = new Dial({
      addresses,
      port: Number(port || (protocol === 'https:' ? 443 : 80)),
      clock,
      onread: null,
      onUp: (socket) => {
        late.cancel()
        socket.on('error', () => {})
        socket.destroy()
        resolve('somebody')
      },
      onFailed: (cause) => {
        late.cancel()
        resolve('code' in cause && cause.code === 'ECONNREFUSED' ? 'nobody' : 'unknown')
      },
    })
    const late = clock.after(knockMs, () => {
      dial.cancel()
      resolve('unknown')
    })
  })
  return promise
}
