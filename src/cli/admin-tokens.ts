/** What opens the operators' port: the token of the configuration, and one of our own for commands on this machine. */
import type { Config } from '../config.ts'
import { ConfigError } from '../ground/config-error.ts'
import { readSecret } from '../house/secrets.ts'
import { tokenLengthMin } from '../edge/admin-token.ts'
import { systemRandom } from '../ground/random.ts'

/**
 * None where the configuration asks for none. The last one is new at each start; commands read it in the state folder.
 * @throws {ConfigError} when the secret is not there, or too short.
 */
export function adminTokens({ admin }: Pick<Config, 'admin'>): string[] {
  if (admin.token === undefined) return []
  const token = readSecret(admin.token, 'admin.token')
  if (token.length < tokenLengthMin) {
    const message = `a secret of at least ${tokenLengthMin} characters`
    const cure = 'Make one with `openssl rand -hex 24`.'
    throw new ConfigError([{ place: 'admin', field: 'admin.token', message, cure }])
  }
  return [token, Array.from({ length: 8 }, () => systemRandom.bits(32).toString(16).padStart(8, '0')).join('')]
}
