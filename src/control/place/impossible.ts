/**
 * What can be seen at once to have no plan, with the cure: a replica larger than any host, or more than all hosts
 * hold.
 */
import type { Question, Replica } from './problem.ts'

export interface Impossibility {
  readonly message: string
  readonly cure: string
}

/** How many replicas are named one by one. */
const namedMax = 5

export function impossibilities({ hosts, replicas }: Question): Impossibility[] {
  const homeless = replicas.filter(({ memoryBytes, gpus }) => {
    return !hosts.some((host) => host.memoryBytes >= memoryBytes && host.gpus >= gpus)
  })
  if (homeless.length > 0) return homelessWords(homeless, hosts)
  const needBytes = replicas.reduce((sum, { memoryBytes }) => sum + memoryBytes, 0)
  const haveBytes = hosts.reduce((sum, { memoryBytes }) => sum + memoryBytes, 0)
  const needGpus = replicas.reduce((sum, { gpus }) => sum + gpus, 0)
  const haveGpus = hosts.reduce((sum, { gpus }) => sum + gpus, 0)
  const cure = 'Add hosts, or take replicas away.'
  const memory = `all replicas together take ${gibibytes(needBytes)}, and all hosts together have ${gibibytes(haveBytes)}`
  const gpus = `all replicas together take ${needGpus} GPUs, and all hosts together have ${haveGpus}`
  return [
    ...(needBytes > haveBytes ? [{ message: memory, cure }] : []),
    ...(needGpus > haveGpus ? [{ message: gpus, cure }] : []),
  ]
}

function homelessWords(homeless: readonly Replica[], hosts: Question['hosts']): Impossibility[] {
  const largest = Math.max(...hosts.map(({ memoryBytes }) => memoryBytes))
  const gpusMost = Math.max(...hosts.map(({ gpus }) => gpus))
  const words = homeless.slice(0, namedMax).map(({ name, memoryBytes, gpus }) => {
    const takes = `${gibibytes(memoryBytes)}${gpus > 0 ? ` and ${gpus} ${gpus === 1 ? 'GPU' : 'GPUs'}` : ''}`
    const have = `the largest has ${gibibytes(largest)}${gpus > 0 ? `, the most GPUs are ${gpusMost}` : ''}`
    const cure = 'Add a host that holds it, split the model, or correct `memory` and `gpus`.'
    return { message: `${name} takes ${takes}, and no host holds that: ${have}`, cure }
  })
  const more = homeless.length - words.length
  const rest = { message: `so it is with ${more} more`, cure: 'See above.' }
  return more > 0 ? [...words, rest] : words
}

/** `72 GiB`, `1.5 GiB`. */
export function gibibytes(bytes: number): string {
  return `${(bytes / 2 ** 30).toLocaleString('en-US', { maximumFractionDigits: 1 })} GiB`
}
