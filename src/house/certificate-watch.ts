/** Looks now and then when the certificates of upstreams run out. */
import type { Config } from '../config.ts'
import type { Clock } from '../ground/clock.ts'
import { type CertificateDates, lookAtCertificate } from '../relay/wire/certificate-look.ts'

const periodMs = 6 * 3_600_000
/** The first look: nothing waits for it at the start. */
const firstMs = 5000
const timeoutMs = 5000
/** Looked at together. */
const crowd = 8

export class CertificateWatch implements Disposable {
  known: Readonly<Record<string, CertificateDates>> = {}
  #clock: Clock
  #upstreams: readonly (readonly [name: string, url: URL])[] = []
  #isLooking = false
  #timers = new DisposableStack()

  constructor(clock: Clock) {
    this.#clock = clock
    this.#timers.use(clock.every(periodMs, () => void this.#look()))
  }

  use({ upstreams }: Config): void {
    this.#upstreams = Object.entries(upstreams)
      .map(([name, { url }]) => [name, new URL(url)] as const)
      .filter(([, { protocol }]) => protocol === 'https:')
    const isThere = ([name]: readonly [string, unknown]): boolean => this.#upstreams.some(([each]) => each === name)
    this.known = Object.fromEntries(Object.entries(this.known).filter(isThere))
    this.#timers.use(this.#clock.after(firstMs, () => void this.#look()))
  }

  /** What cannot be reached now is as it was seen last. */
  async #look(): Promise<void> {
    if (this.#isLooking) return
    this.#isLooking = true
    for (let i = 0; i < this.#upstreams.length; i += crowd) {
      const some = this.#upstreams.slice(i, i + crowd)
      const seen = await Promise.all(
        some.map(async ([name, url]) => [name, await lookAtCertificate(url, timeoutMs)] as const),
      )
      this.known = {
        ...this.known,
        ...Object.fromEntries(seen.flatMap(([name, dates]) => (dates ? [[name, dates]] : []))),
      }
    }
    this.#isLooking = false
  }

  [Symbol.dispose](): void {
    this.#timers.dispose()
  }
}
