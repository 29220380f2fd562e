/** The ports that the system chose, where it was to: who comes later asks for the same. */
import type { Config } from '../config.ts'

export function withPorts(listeners: Config['listeners'], urls: readonly string[]): Config['listeners'] {
  return listeners.map((each, i) => {
    const { port, protocol } = new URL(urls[i] ?? '')
    return { ...each, port: Number(port || (protocol === 'https:' ? 443 : 80)) }
  })
}
