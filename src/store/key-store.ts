/**
 * Keys of callers that operators make while the gateway runs: the contract of where they are kept. Of a secret only its
 * hash is kept; names are never given again, for answers that are kept belong to a name.
 */

/** One secret of a key; a key has two for a while when it is rotated. */
export interface KeptSecret {
  /** SHA-256, base64. */
  readonly hash: string
  /** Its beginning, by which people recognise it. */
  readonly prefix: string
  readonly createdMs: number
  /** Not good from then on; null for as long as the key is. */
  readonly endsMs: number | null
}

export interface KeptKey<Settings> {
  readonly name: string
  readonly settings: Settings
  readonly createdMs: number
  readonly endsMs: number | null
  readonly revokedMs: number | null
  readonly secrets: readonly KeptSecret[]
}

export interface KeyStore<Settings> extends Disposable {
  /** Changes with every change of what is kept, by whichever process; cheap to ask often. */
  version(): number
  all(): readonly KeptKey<Settings>[]
  /** @throws {Error} when the name has been given, or there are too many. */
  add(key: Omit<KeptKey<Settings>, 'revokedMs' | 'secrets'>, secret: KeptSecret): void
  /** @returns false when there is no such key. */
  change(name: string, settings: Settings): boolean
  /** Another secret beside those that there are; these end then. @returns false when there is no such key. */
  rotate(name: string, secret: KeptSecret, oldEndsMs: number): boolean
  /** @returns false when there is no such key, or it has been revoked before. */
  revoke(name: string, atMs: number): boolean
}

/** Keys, those that were revoked with them. */
export const keysMax = 100_000
