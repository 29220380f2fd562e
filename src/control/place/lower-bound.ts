/**
 * What no placement can cost less than, by hand and at once: each term by itself at its least. The solver of the exact
 * problem proves more, where there is time for it.
 */
import { pairs, placeCount, type Problem } from './problem.ts'

export function lowerBound(problem: Problem): number {
  const { hosts, replicas, groups } = problem
  const memory = leastPrice(
    hosts.map(({ price, memoryBytes }) => ({ price, room: memoryBytes })),
    replicas.reduce((sum, { memoryBytes }) => sum + memoryBytes, 0),
  )
  const gpus = leastPrice(
    hosts.map(({ price, gpus }) => ({ price, room: gpus })),
    replicas.reduce((sum, each) => sum + each.gpus, 0),
  )
  const apart = groups.reduce((sum, { within, cost, members }) => {
    return sum + Math.max(0, cost) * leastPairs(members.length, placeCount(problem, within))
  }, 0)
  return Math.max(memory, gpus) + apart
}

/** Of so much room, the cheapest first, the last host in part. */
function leastPrice(hosts: readonly { price: number; room: number }[], need: number): number {
  let [left, sum] = [need, 0]
  const useful = hosts.filter(({ room }) => room > 0)
  for (const { price, room } of useful.toSorted((a, b) => a.price / a.room - b.price / b.room)) {
    const part = Math.min(1, left / room)
    sum += part * price
    left -= part * room
    if (left <= 0) break
  }
  return sum
}

/** Spread as evenly as it goes. */
function leastPairs(count: number, places: number): number {
  const each = Math.floor(count / places)
  const more = count % places
  return more * pairs(each + 1) + (places - more) * pairs(each)
}
