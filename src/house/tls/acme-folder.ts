/** What is kept of an authority in the state folder: our account there, and the certificate that it issued. */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Account } from './acme.ts'
import { type KnownPair, readPair } from './read-pair.ts'

export class AcmeFolder {
  #folder: string
  #directoryUrl: string

  /** What another authority knows of us, or issued, is not this one's. */
  constructor(stateDir: string, directoryUrl: string) {
    this.#folder = join(stateDir, 'acme')
    this.#directoryUrl = directoryUrl
  }

  /** Null where there is none. */
  account(): Account | null {
    const { key, url = null } = this.#read('account') ?? {}
    return key === undefined ? null : { key, url }
  }

  /** @throws the system's error when it cannot be kept: an account that is forgotten is made anew each time. */
  keepAccount({ key, url }: Account): void {
    this.#write('account', { key, ...(url !== null && { url }) })
  }

  /** Null where there is none that can be used. */
  pair(): KnownPair | null {
    const { cert, key } = this.#read('certificate') ?? {}
    try {
      return cert === undefined || key === undefined ? null : readPair(cert, key)
    } catch {
      return null
    }
  }

  /** @throws the system's error. */
  keepPair({ cert, key }: Pick<KnownPair, 'cert' | 'key'>): void {
    this.#write('certificate', { cert, key })
  }

  #read(name: string): Partial<Record<string, string>> | null {
    try {
      const value = JSON.parse(readFileSync(this.#path(name), 'utf8')) as Partial<Record<string, string>> | null
      return value?.['directoryUrl'] === this.#directoryUrl ? value : null
    } catch {
      return null
    }
  }

  /** As a whole or not at all, and for our user alone. */
  #write(name: string, value: Readonly<Record<string, string>>): void {
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 })
    const spare = `${this.#path(name)}.new`
    writeFileSync(spare, JSON.stringify({ directoryUrl: this.#directoryUrl, ...value }), { mode: 0o600 })
    renameSync(spare, this.#path(name))
  }

  #path(name: string): string {
    return join(this.#folder, `${name}.json`)
  }
}
