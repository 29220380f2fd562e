/** Has the mishaps of a scenario befall its fleet. */
import type { Copy } from './copy.ts'
import type { FleetWorld } from './fleet-world.ts'
import { type Mishap, mishapWords } from './mishap.ts'

const exits = {
  exit: { code: 1, signal: null, isOutOfMemory: false, lastWords: 'cannot go on' },
  SIGKILL: { code: null, signal: 'SIGKILL', isOutOfMemory: false, lastWords: '' },
  SIGSEGV: { code: null, signal: 'SIGSEGV', isOutOfMemory: false, lastWords: 'segmentation fault' },
  'out-of-memory': { code: null, signal: 'SIGKILL', isOutOfMemory: true, lastWords: 'CUDA out of memory' },
} as const

export class Misfortune {
  #world: FleetWorld

  constructor(world: FleetWorld) {
    this.#world = world
  }

  strike(mishap: Mishap): void {
    const world = this.#world
    const { nowMs } = world
    const { forMs, kind } = mishap
    world.trace.note('MISHAP', mishapWords(mishap))
    switch (kind) {
      case 'dies':
        return this.#on(mishap.of, (copy) => this.#die(copy, mishap.how))
      case 'crash-loop':
        return this.#on(mishap.of, (copy) => {
          world.loopsUntilMs.set(copy.name, nowMs + forMs)
          this.#die(copy, 'exit')
        })
      case 'hangs':
        return this.#on(mishap.of, (copy) => {
          copy.isHung = true
          copy.hungSinceMs = nowMs
          copy.isWhollyHung = mishap.isWhole
          if (forMs > 0) world.time.after(forMs, () => copy.recover())
        })
      case 'leaks':
        return this.#on(mishap.of, (copy) => {
          copy.leakBytesPerMs = mishap.bytesPerHour / 3_600_000
          copy.leakFromMs = nowMs
        })
      case 'host-dies': {
        const all = world.watch.living()
        const count = Math.ceil(all.length * Math.min(mishap.share, 100 / Math.max(1, all.length)))
        const first = Math.floor(mishap.of * all.length)
        for (let i = 0; i < count; i++) {
          const copy = all[(first + i) % all.length]
          if (copy) this.#die(copy, 'SIGKILL')
        }
        return
      }
      case 'driver':
        return world.drivers.find((driver) => driver.kind === mishap.driver)?.fail(mishap.how, forMs)
      case 'lie':
        return this.#on(mishap.of, (copy) => {
          world.driverOf(copy)?.lie(copy, mishap.how, forMs)
          if (mishap.how === 'dead-runs') this.#die(copy, 'SIGKILL')
        })
      case 'wall-jump':
        world.wallJumpMs += mishap.ms
        return
      case 'control-dies':
        return world.host.kill(forMs)
      case 'silence':
        world.silentUntilMs = nowMs + forMs
        return
      case 'burst':
        return world.load.burst(this.#nameOf(mishap.deployment), mishap.factor, nowMs + forMs)
      case 'config':
        return this.#for(forMs, world.operators.change(mishap.deployment, mishap.change))
      case 'bad-config':
        return this.#for(forMs, world.operators.spoil(mishap.deployment, mishap.how))
      case 'dry-run':
        return this.#for(forMs, world.operators.dryRun())
      case 'deploy':
        return world.desk.begin(this.#nameOf(mishap.deployment), mishap)
      case 'pause':
        return world.desk.pause(this.#nameOf(mishap.deployment), forMs)
      case 'rollback':
        return world.desk.rollBack(this.#nameOf(mishap.deployment))
      case 'trouble':
        world.trouble = { how: mishap.how, untilMs: nowMs + forMs }
    }
  }

  #nameOf(deployment: number): string {
    return this.#world.operators.traits[deployment]?.name ?? ''
  }

  #die(copy: Copy, how: keyof typeof exits): void {
    this.#world.driverOf(copy)?.die(copy, exits[how])
  }

  #on(of: number, strike: (copy: Copy) => void): void {
    const all = this.#world.watch.living()
    const copy = all[Math.floor(of * all.length)]
    if (copy) strike(copy)
  }

  #for(forMs: number, takeBack: () => void): void {
    this.#world.reload()
    this.#world.time.after(forMs, () => {
      takeBack()
      this.#world.reload()
    })
  }
}
