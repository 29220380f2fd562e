/** Opens what callers connect to: the listeners, and the plain port that leads to encrypted ones. */
import type { Config } from '../config.ts'
import { isCall } from '../edge/door.ts'
import { type Listener, type ListenerParts, openListener } from '../edge/listener.ts'
import type { Sockets } from '../edge/realtime/sockets.ts'
import type { Redirect } from '../edge/tls/redirect.ts'
import type { TlsMaterial } from '../edge/tls/tls-material.ts'

export interface Front {
  readonly listeners: readonly Listener[]
  /** TLS is spoken with these from now on. @throws {Error} when they cannot be used; then all is as before. */
  useTls(material: TlsMaterial): void
  /** What has no end of its own is ended with a word. */
  endSessions(): void
  /** No more is accepted. Resolves when all connections of callers are gone. */
  drain(isReplaced: boolean): Promise<void>
}

/** `tls`: what it is spoken with; null where it is not. */
export async function openListeners(
  parts: AsyncDisposableStack,
  config: Config,
  base: Omit<ListenerParts, 'isCall' | 'tls' | 'sockets'> & { readonly sockets: Sockets },
  tls: TlsMaterial | null,
): Promise<Front> {
  const listeners: Listener[] = []
  for (const options of config.listeners) {
    const secure = tls && { settings: config.tls, material: tls }
    const listener = await openListener(options, { ...base, isCall, tls: secure })
    parts.defer(() => listener.destroy())
    listeners.push(listener)
  }
  let current = tls
  const redirect = tls && (await openPlainPort(parts, config, listeners, { ...base, material: () => current ?? tls }))
  return {
    listeners,
    useTls: (material) => {
      for (const listener of listeners) listener.useTls(material)
      current = material
    },
    endSessions: () => base.sockets.close(),
    drain: async (isReplaced) => {
      // Nobody stands in our place: the sooner they know, the sooner they are elsewhere.
      if (!isReplaced) base.sockets.close()
      redirect?.drain()
      await Promise.all(listeners.map((listener) => listener.drain(isReplaced)))
    },
  }
}

async function openPlainPort(
  parts: AsyncDisposableStack,
  { tls }: Config,
  listeners: readonly Listener[],
  { material, ...base }: Omit<ListenerParts, 'isCall' | 'tls'> & { material: () => TlsMaterial },
): Promise<Redirect | null> {
  const encrypted = listeners.find(({ url }) => url.startsWith('https:'))
  if (!tls.redirect || !encrypted) return null
  const { openRedirect } = await import('../edge/tls/redirect.ts')
  const told = { ...base, port: () => encrypted.port, challenges: () => material().challenges }
  const redirect = await openRedirect(tls.redirect, told)
  parts.defer(() => redirect.destroy())
  return redirect
}
