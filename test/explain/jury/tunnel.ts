/** A way to a server that can be bent: to another server, through TLS, cut, or its connections forgotten by a NAT. */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer, type TlsOptions, type Server as TlsServer } from 'node:tls'

export interface Tunnel {
  readonly port: number
  /** Where connections lead from now on. */
  lead(url: string): void
  /** Those that are open are forgotten: nothing passes any more, and nobody is told. New ones are as before. */
  forget(): void
  /** Those that are open end. */
  cut(): void
  /** New ones are shown this certificate. */
  renew(certificate: Pick<TlsOptions, 'key' | 'cert'>): void
}

/** Leads to a URL, through TLS where its settings are given. */
export async function openTunnel(parts: AsyncDisposableStack, to: string, tls?: TlsOptions): Promise<Tunnel> {
  let target = new URL(to)
  const pairs = new Set<readonly [Socket, Socket]>()
  const pass = (near: Socket): void => {
    const far = connect(Number(target.port), target.hostname)
    const pair = [near, far] as const
    pairs.add(pair)
    for (const [one, other] of [pair, pair.toReversed() as [Socket, Socket]]) {
      one.on('error', () => other.destroy())
      one.on('close', () => {
        pairs.delete(pair)
        other.destroy()
      })
      one.pipe(other)
    }
  }
  const secure: TlsServer | null = tls ? createTlsServer(tls, pass) : null
  secure?.on('tlsClientError', () => {})
  const server: Server = secure ?? createServer(pass)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const cut = (): void => {
    for (const pair of pairs) for (const socket of pair) socket.destroy()
  }
  parts.defer(async () => {
    cut()
    await new Promise((resolve) => server.close(resolve))
  })
  return {
    port: (server.address() as AddressInfo).port,
    lead: (url) => (target = new URL(url)),
    forget: () => {
      for (const [near, far] of pairs) {
        near.unpipe(far).resume()
        far.unpipe(near).resume()
      }
    },
    cut,
    renew: (certificate) => secure?.setSecureContext(certificate),
  }
}
