/** The laboratory's resolver (DNS over UDP): knows the names that scenarios give it, and goes wrong at their word. */
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { resolverAddress } from '../own-network.ts'

/** `found`: at 127.0.0.1; `unknown`: there is no such name; `failing`: the server failed; `silent`: no answer. */
export type NameState = 'found' | 'unknown' | 'failing' | 'silent'

const states = new Map<string, NameState>()
let socket: Promise<Socket> | null = null

/** What is told of a name from now on. */
export async function setName(name: string, state: NameState): Promise<void> {
  states.set(name, state)
  await (socket ??= open())
}

async function open(): Promise<Socket> {
  const opened = createSocket('udp4')
  opened.on('message', (message, { address, port }) => {
    const answer = answerTo(message)
    if (answer) opened.send(answer, port, address)
  })
  opened.bind(53, resolverAddress)
  await once(opened, 'listening')
  opened.unref()
  return opened
}

/** RFC 1035, section 4: the header's flags and counts, the question as it came, and one address for one of type A. */
function answerTo(message: Buffer): Buffer | null {
  const labels: string[] = []
  let at = 12
  for (let length = message[at] ?? 0; length > 0; length = message[at] ?? 0) {
    labels.push(message.toString('latin1', at + 1, at + 1 + length))
    at += length + 1
  }
  const question = message.subarray(12, at + 5)
  const isAddress = message.readUInt16BE(at + 1) === 1
  const state = states.get(labels.join('.').toLowerCase()) ?? 'unknown'
  if (state === 'silent') return null
  const code = { found: 0, unknown: 3, failing: 2 }[state]
  const hasAddress = state === 'found' && isAddress
  const head = Buffer.from([
    message[0] ?? 0,
    message[1] ?? 0,
    0x81,
    0x80 + code,
    0,
    1,
    0,
    hasAddress ? 1 : 0,
    0,
    0,
    0,
    0,
  ])
  const address = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, 127, 0, 0, 1])
  return Buffer.concat([head, question, ...(hasAddress ? [address] : [])])
}
