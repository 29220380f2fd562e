/**
 * Looks out for what will hurt before it does: keeps short series of what workers tell and what was measured, and asks
 * the early warnings about them. Each is asked once a bin, not at every look.
 */
import type { Condition } from '../alert/condition.ts'
import { RunningSums } from './running-sums.ts'
import type { Signs } from './signs.ts'
import { Bins, valuesAt } from './warning/bins.ts'
import { type Certificate, certificateExpiry } from './warning/certificate-expiry.ts'
import { diskRoom } from './warning/disk-room.ts'
import { conditionsOf, OncePerBin } from './warning/once-per-bin.ts'
import { latencyDrift } from './warning/latency-drift.ts'
import { PoolWatch } from './pool-watch.ts'
import { QuotaWatch } from './quota-watch.ts'
import { WorkerWatch } from './worker-watch.ts'

const longBinMs = 300_000
/** Three hours of five minutes. */
const latencyBins = 36
/** Six hours. */
const diskBins = 72
/** Streams in a bin, so that their mean says something. */
const streamsMin = 5
const workersMax = 256

/** Measured outside the workers. */
export interface Surroundings {
  /** Share of the disk of the state folder that is free; null where it is not known. */
  readonly diskFree: number | null
  /** Of upstreams that are spoken to by TLS. */
  readonly certificates: Readonly<Record<string, Certificate>>
  /** Those that callers are shown, by name. `trouble`: why a newer one is not in use. */
  readonly ownCertificates: Readonly<Record<string, Certificate & { readonly trouble: string | null }>>
}

export class Lookout {
  #sums = new RunningSums()
  #streams = new Bins(longBinMs, latencyBins, 'sum')
  #logSums = new Bins(longBinMs, latencyBins, 'sum')
  #load = new Bins(longBinMs, latencyBins, 'mean')
  #disk = new Bins(longBinMs, diskBins, 'last')
  #pools = new PoolWatch()
  #quotas = new QuotaWatch()
  #workers = new Map<string, WorkerWatch>()
  #callsLive = new Map<string, number>()
  #shields = new Map<string, number>()
  #certificates: Surroundings['certificates'] = {}
  #drift = new OncePerBin()
  #room = new OncePerBin()

  /** `worker`: a process; `number`: its place among its siblings, by which people know it. */
  hear(worker: string, number: number, signs: Signs, nowMs: number): void {
    const { firstTokens, callsLive } = signs
    this.#streams.add(nowMs, this.#sums.since(worker, 'streams', firstTokens.count))
    this.#logSums.add(nowMs, this.#sums.since(worker, 'logs', firstTokens.logSum))
    this.#callsLive.set(worker, callsLive)
    this.#shields.set(worker, signs.shieldLevel ?? 0)
    this.#load.add(
      nowMs,
      this.#callsLive.values().reduce((sum, live) => sum + live, 0),
    )
    this.#pools.hear(worker, signs.pools)
    this.#quotas.hear(worker, signs, nowMs)
    let watch = this.#workers.get(worker)
    if (!watch && this.#workers.size < workersMax) this.#workers.set(worker, (watch = new WorkerWatch(number, nowMs)))
    watch?.hear(signs, nowMs)
  }

  forget(worker: string): void {
    this.#sums.forget(worker)
    this.#callsLive.delete(worker)
    this.#shields.delete(worker)
    this.#pools.forget(worker)
    this.#quotas.forget(worker)
    this.#workers.delete(worker)
  }

  look({ diskFree, certificates, ownCertificates }: Surroundings, nowMs: number): Condition[] {
    if (diskFree !== null) this.#disk.add(nowMs, diskFree)
    this.#certificates = certificates
    return [
      ...this.#pools.look(nowMs),
      ...this.#latency(),
      ...this.#workers.values().flatMap((watch) => watch.look()),
      ...this.#diskRoom(diskFree, nowMs),
      ...this.#expiries(nowMs),
      ...ownTroubles(ownCertificates, nowMs),
      ...this.#quotas.look(nowMs),
      ...this.#attack(),
    ]
  }

  #latency(): Condition[] {
    const streams = this.#streams.series
    const finding = this.#drift.ask(streams.x.at(-1), () => {
      const sums = valuesAt(streams, this.#logSums.series)
      const means = streams.y.map((count, i) => (count < streamsMin ? Number.NaN : (sums[i] ?? 0) / count))
      const isFull = (_: unknown, i: number): boolean => !Number.isNaN(means[i])
      const logMs = { x: streams.x.filter(isFull), y: means.filter(isFull) }
      return latencyDrift(logMs, valuesAt(logMs, this.#load.series))
    })
    const cure = 'Compare the upstreams’ first-token times and loads; look for what was deployed when it began.'
    return conditionsOf(finding, 'LatencyDrift', {}, 'first tokens', cure)
  }

  #attack(): Condition[] {
    const level = Math.max(0, ...this.#shields.values())
    const finding =
      level === 0
        ? null
        : ({ severity: 'warning', words: `is up, at level ${level}: visitors are turned away in masses` } as const)
    const cure = 'Callers with a key are served; `holdfast top` and facts of the kind `shield` say whence it comes.'
    return conditionsOf(finding, 'UnderAttack', {}, 'the shield against attacks', cure)
  }

  #diskRoom(diskFree: number | null, nowMs: number): Condition[] {
    const series = this.#disk.series
    // The last word counts at once, the trend by whole bins.
    const finding =
      this.#room.ask(series.x.at(-1), () => diskRoom(series)) ??
      (diskFree === null ? null : diskRoom({ x: [nowMs], y: [diskFree] }))
    const cure = 'Make room, or let the journal keep less (`journal.keepMs`, `journal.totalBytesMax`).'
    return conditionsOf(finding, 'DiskRoom', {}, 'the disk of the state folder', cure)
  }

  #expiries(nowMs: number): Condition[] {
    return Object.entries(this.#certificates).flatMap(([upstream, certificate]) =>
      conditionsOf(
        certificateExpiry(certificate, nowMs),
        'CertificateExpiry',
        { upstream },
        `the certificate of ${upstream}`,
        'Renew it at the upstream; calls fail with HF_TLS_CERTIFICATE from the moment it runs out.',
      ),
    )
  }
}

/** Of certificates that callers are shown. */
function ownTroubles(own: Surroundings['ownCertificates'], nowMs: number): Condition[] {
  return Object.entries(own).flatMap(([certificate, { trouble, ...dates }]) => {
    const about = `the certificate of ${certificate}`
    const refused = trouble === null ? null : ({ severity: 'warning', words: `is not renewed: ${trouble}` } as const)
    const cure = 'Callers are shown it until it runs out, and then fail. See `holdfast tls` and the log.'
    return [
      ...conditionsOf(certificateExpiry(dates, nowMs), 'OwnCertificateExpiry', { certificate }, about, cure),
      ...conditionsOf(refused, 'OwnCertificateRefused', { certificate }, about, cure),
    ]
  })
}
