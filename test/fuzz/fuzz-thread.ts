/** The fuzzer in a thread of its own: whoever started it can tell when a reader hangs, and on which input. */
import { parentPort, workerData } from 'node:worker_threads'
import { fuzzTarget } from './fuzz-target.ts'
import type { ThreadOrder } from './run-fuzz.ts'
import { allTargets } from './targets/all.ts'

const { names, seed, inputsMax, msMax, measures, shared } = workerData as ThreadOrder
const state = new Int32Array(shared, 0, 2)
const room = new Uint8Array(shared, 8)

function onInput(bytes: Buffer): void {
  room.set(bytes.subarray(0, room.length))
  Atomics.store(state, 1, bytes.length)
  Atomics.add(state, 0, 1)
}

for (const target of allTargets.filter(({ name }) => names.includes(name))) {
  parentPort?.postMessage({ begun: target.name }, [])
  const result = await fuzzTarget(target, { seed, inputsMax, msMax, measures, onInput })
  parentPort?.postMessage({ result }, [])
}
