/** A port of this machine that nobody has at this moment. */
import { createServer } from 'node:net'

/** @throws if the address is none of this machine's */
export async function freePort(host: string): Promise<number> {
  const server = createServer()
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  server.once('error', reject)
  server.listen({ host, port: 0, exclusive: true }, () => {
    const address = server.address()
    const port = typeof address === 'object' && address ? address.port : 0
    server.close(() => resolve(port))
  })
  return await promise
}
