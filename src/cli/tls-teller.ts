/** Tells the workers what TLS is spoken with, and knows which of them have taken it up. */
import type { Worker } from 'node:cluster'
import type { TlsMaterial } from '../edge/tls/tls-material.ts'
import type { TlsDesk } from '../house/tls/tls-desk.ts'
import type { Log } from '../observe/log.ts'
import { tell } from './hand.ts'

/** A worker that has not taken it up within this is not waited for. */
const patienceMs = 5000

interface Waiting {
  readonly serial: number
  readonly done: () => void
}

export class TlsTeller {
  #desk: TlsDesk
  #log: Log
  /** The number of what each worker speaks TLS with. */
  #held = new Map<Worker, number>()
  #waiting = new Set<Waiting>()

  constructor(desk: TlsDesk, log: Log) {
    this.#desk = desk
    this.#log = log
    desk.onChange = (material) => this.#tellAll(material)
  }

  /** An authority finds somebody to ask. */
  allListen(): void {
    this.#desk.begin()
  }

  /** What a new worker begins with. */
  begin(worker: Worker): TlsMaterial | null {
    const { material } = this.#desk
    if (material) this.#held.set(worker, material.serial)
    return material
  }

  hear(worker: Worker, serial: number, trouble: string | null): void {
    if (trouble !== null)
      this.#log.error({ pid: worker.process.pid, detail: trouble }, 'a worker cannot use a certificate')
    if (this.#held.has(worker)) this.#held.set(worker, serial)
    this.#look()
  }

  forget(worker: Worker): void {
    this.#held.delete(worker)
    this.#look()
  }

  /** Resolves when all workers have taken it up, or do not seem to. */
  #tellAll(material: TlsMaterial): Promise<void> {
    for (const worker of this.#held.keys()) tell(worker, { event: 'tls', material })
    return new Promise((resolve) => {
      const timer = setTimeout(() => waiting.done(), patienceMs)
      const waiting: Waiting = {
        serial: material.serial,
        done: () => {
          clearTimeout(timer)
          this.#waiting.delete(waiting)
          resolve()
        },
      }
      this.#waiting.add(waiting)
      this.#look()
    })
  }

  #look(): void {
    const least = Math.min(...this.#held.values())
    for (const { serial, done } of this.#waiting) if (least >= serial) done()
  }
}
