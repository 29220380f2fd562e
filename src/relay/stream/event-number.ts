/** The number of each event on the wire: an SSE `id` line, by which a client says where to go on. */

const idName = 'id: '

/** The events one after the other, each with its number before it; `first` is the number of the first. */
export function withNumbers(first: number, events: readonly Buffer[]): Buffer {
  let length = 0
  for (let i = 0; i < events.length; i++)
    length += idName.length + digitsOf(first + i) + 1 + (events[i] as Buffer).length
  const whole = Buffer.allocUnsafe(length)
  let at = 0
  for (let i = 0; i < events.length; i++) {
    const event = events[i] as Buffer
    at += whole.write(`${idName}${first + i}\n`, at, 'latin1')
    whole.set(event, at)
    at += event.length
  }
  return whole
}

function digitsOf(value: number): number {
  let digits = 1
  for (let rest = value; rest >= 10; rest = Math.floor(rest / 10)) digits++
  return digits
}
