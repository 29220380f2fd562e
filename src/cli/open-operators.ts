/** Opens the ports of operators: the one on this machine, and the encrypted one for others where it is asked for. */
import type { Config } from '../config.ts'
import { type AdminParts, openAdmin } from '../edge/admin.ts'
import type { TlsMaterial } from '../edge/tls/tls-material.ts'
import type { TlsDesk } from '../house/tls/tls-desk.ts'
import type { Log } from '../observe/log.ts'
import { adminTokens } from './admin-tokens.ts'

export interface OperatorsPorts {
  readonly url: string
  /** Null where there is none. */
  readonly remoteUrl: string | null
  /** For commands on this machine. */
  readonly token: string | undefined
}

/** @throws the system's error when a port cannot be taken. */
export async function openOperators(
  parts: AsyncDisposableStack,
  { admin, tls }: Config,
  asked: AdminParts,
  { desk, log }: { desk: TlsDesk; log: Log },
): Promise<OperatorsPorts> {
  const tokens = adminTokens({ admin })
  const { url } = parts.use(await openAdmin({ ...admin, tokens }, asked))
  const token = tokens.at(-1)
  const { material } = desk
  if (!admin.remote || !material) return { url, remoteUrl: null, token }
  const { openRemoteAdmin } = await import('../edge/tls/remote-admin.ts')
  const remote = parts.use(await openRemoteAdmin({ ...admin.remote, tokens, tls }, asked, material))
  const follow = (next: TlsMaterial): void => {
    try {
      remote.useTls(next)
    } catch (error) {
      log.error({ detail: String(error) }, 'the operators’ port cannot use a certificate')
    }
  }
  desk.followers.add(follow)
  return { url, remoteUrl: remote.url, token }
}
