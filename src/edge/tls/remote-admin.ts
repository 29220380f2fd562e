/** The operators' port for other machines: by TLS, for those who show a certificate or the token. */
import { readFileSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { type Admin, adminHandler, type AdminParts, adminSettings, listenForOperators } from '../admin.ts'
import { AdminRefusals } from '../admin-refusal.ts'
import { showsToken } from '../admin-token.ts'
import { SecureServer } from './secure-server.ts'
import type { TlsMaterial } from './tls-material.ts'
import type { TlsOptions } from './tls-options.ts'

export interface RemoteAdminOptions {
  readonly host: string
  readonly port: number
  /** File of authorities; with them a token is not asked for. */
  readonly clientCa?: string | undefined
  readonly tokens: readonly string[]
  readonly tls: Pick<TlsOptions, 'minVersion' | 'groups'>
}

export interface RemoteAdmin extends Admin {
  /** From now on. @throws {Error} when it cannot be used; then all is as before. */
  useTls(material: TlsMaterial): void
}

/** @throws the system's error when the port cannot be taken, or a file cannot be read. */
export async function openRemoteAdmin(
  { host, port, clientCa, tokens, tls }: RemoteAdminOptions,
  parts: AdminParts,
  material: TlsMaterial,
): Promise<RemoteAdmin> {
  const refusals = new AdminRefusals(parts.refusals)
  const hasToken = ({ headers }: IncomingMessage): boolean =>
    tokens.some((token) => showsToken(headers.authorization, token))
  // Who shows no certificate does not get so far.
  const gate = clientCa === undefined ? { tokens, mayAsk: hasToken } : { tokens: [], mayAsk: () => true }
  const ca = clientCa === undefined ? {} : { clientCa: () => readFileSync(clientCa, 'utf8') }
  const secure = new SecureServer({ ...tls, http2: false, ...ca }, material, {
    options: adminSettings,
    handshakeMs: adminSettings.headersTimeout,
    handle: adminHandler(parts, refusals, gate),
  })
  const admin = await listenForOperators(secure.server, { host, port, scheme: 'https' }, refusals)
  return { ...admin, useTls: (next) => secure.use(next) }
}
