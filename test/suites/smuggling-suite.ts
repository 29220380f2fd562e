/**
 * `npm run suites -- smuggling`: every request of the list over a connection of its own, over plain TCP and over TLS;
 * what is counted is what arrives at a model server that keeps every byte. Then answers of a hostile model server, each
 * followed by the call of another caller on the same connection, were it kept.
 */
import { connect, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { Authority, material, noOpenssl } from '../tls/certificates.ts'
import { openTestHouse, pause, post, type TestHouse } from '../http/harness.ts'
import { RawHttp2 } from './raw-http2.ts'
import { RecordingUpstream } from './recording-upstream.ts'
import { poison, smugglingAnswers } from './smuggling-answers.ts'
import { streamSmugglings } from './smuggling-streams.ts'
import { allSmugglings, type Smuggling } from './smuggling-requests.ts'

/** Connections at once. */
const lanes = 48
/** After the last byte from the gateway: what it still waits for then will not come. */
const quietMs = 60
/** For the first byte of an answer: what is legal and incomplete gets none before the gateway's own limits. */
const silentMs = 2000

type Open = () => Socket

/** `isShort`: without every byte at every place. @returns whether nothing was found */
export async function runSmugglingSuite(isShort = false): Promise<boolean> {
  await using upstream = await RecordingUpstream.open()
  const settings = {
    upstreams: { only: { url: upstream.url, kind: 'llamacpp' as const, models: ['m'] } },
    breaker: { enabled: false },
    listeners: [{ port: 0, h2c: true }],
  }
  const few = allSmugglings('few')
  const all = isShort ? few : allSmugglings('all')
  const findings: string[] = []
  {
    await using house = await openTestHouse(settings)
    findings.push(...(await playRequests('plain', all, upstream, () => connect(house.port, '127.0.0.1'))))
    findings.push(...(await playStreams(house.port, upstream)))
    findings.push(...(await playAnswers(house, upstream)))
  }
  if (noOpenssl === null) {
    using authority = new Authority()
    await using house = await openTestHouse(settings, material([authority.issue('localhost')]))
    const ca = authority.cert
    const open = (): Socket =>
      connectTls({ port: house.port, host: '127.0.0.1', servername: 'localhost', ca, ALPNProtocols: ['http/1.1'] })
    findings.push(...(await playRequests('TLS', few, upstream, open)))
  }
  findings.push(...upstream.oddities.map((what) => `at the model server: ${what}`))
  for (const each of findings.slice(0, 100)) say(`FOUND ${each}`)
  say(`${findings.length} findings`)
  return findings.length === 0
}

async function playRequests(
  over: string,
  all: readonly Smuggling[],
  upstream: RecordingUpstream,
  open: Open,
): Promise<string[]> {
  const beganMs = performance.now()
  const findings: string[] = []
  let next = 0
  let forwarded = 0
  const lane = async (): Promise<void> => {
    for (let i = next++; i < all.length; i = next++) {
      const each = all[i] as Smuggling
      const mark = `${over[0]}${String(i).padStart(6, '0')}`
      const answers = await answersTo(each.bytes(mark), open)
      const arrived = upstream.take(mark)
      forwarded += arrived.length
      const wrong = judge(
        each,
        mark,
        answers,
        arrived.map(({ body }) => body),
      )
      if (wrong) findings.push(`over ${over}, ${each.kind}: ${each.name}: ${wrong}`)
    }
  }
  await Promise.all(Array.from({ length: lanes }, lane))
  const tookS = ((performance.now() - beganMs) / 1000).toFixed(1)
  const kinds = new Set(all.map(({ kind }) => kind)).size
  say(
    `${all.length} requests of ${kinds} classes over ${over}: ${forwarded} went on, ${findings.length} findings, ${tookS} s`,
  )
  return findings
}

/** What is wrong with the outcome; null when nothing is. */
function judge({ verdict }: Smuggling, mark: string, answers: string, arrived: readonly string[]): string | null {
  const statuses = [...answers.matchAll(/HTTP\/1\.1 ([2-5]\d\d) /g)].map(([, status]) => Number(status))
  const first = arrived.filter((body) => !body.includes('smuggled'))
  if (first.length > 1) return 'the open request went on twice'
  if (first[0] !== undefined && !first[0].includes(`"content":"${mark}"`)) return 'it went on as another'
  if (arrived.length > 2) return `${arrived.length} requests went on`
  if (verdict === 'two') return null
  if (arrived.length > first.length) return 'the hidden request went on'
  if (verdict === 'one') return null
  if (arrived.length > 0) return 'it went on'
  return statuses.some((status) => status < 400) ? `it was answered with ${statuses.join(', ')}` : null
}

/** All that the gateway says to these bytes. */
function answersTo(bytes: string, open: Open): Promise<string> {
  return new Promise((resolve) => {
    const socket = open()
    let text = ''
    const done = (): void => {
      socket.destroy()
      resolve(text)
    }
    let timer = setTimeout(done, 10_000)
    const wait = (ms: number): void => {
      clearTimeout(timer)
      timer = setTimeout(done, ms)
    }
    socket.on('error', () => {})
    socket.on('close', () => {
      clearTimeout(timer)
      resolve(text)
    })
    socket.write(bytes, 'latin1', () => wait(silentMs))
    socket.setEncoding('latin1').on('data', (piece) => {
      text += String(piece)
      wait(quietMs)
    })
  })
}

/** Each on a connection of its own. */
async function playStreams(port: number, upstream: RecordingUpstream): Promise<string[]> {
  const findings: string[] = []
  for (const [i, { name, verdict, frames }] of streamSmugglings.entries()) {
    const mark = `s${String(i).padStart(6, '0')}`
    using client = new RawHttp2(port)
    client.write(frames(mark))
    await heard(client)
    const arrived = upstream.take(mark).map(({ body }) => body)
    const max = verdict === 'one' ? 1 : 0
    if (arrived.length > max || arrived.some((body) => body.includes('smuggled')))
      findings.push(`over HTTP/2, ${name}: ${arrived.length} went on`)
    if (verdict === 'one' && arrived.length === 0) findings.push(`over HTTP/2, ${name}: it did not go on`)
  }
  say(`${streamSmugglings.length} streams of HTTP/2: ${findings.length} findings`)
  return findings
}

/** Resolves a little after the first word about the only stream, or when none comes. */
async function heard(client: RawHttp2): Promise<void> {
  const endMs = performance.now() + silentMs
  const isSilent = (): boolean => !client.isClosed && client.resetCount === 0 && client.headCount === 0
  while (isSilent() && performance.now() < endMs) await pause(5)
  await pause(quietMs)
}

/** Each hostile answer, then the call of somebody else. */
async function playAnswers(house: TestHouse, upstream: RecordingUpstream): Promise<string[]> {
  const findings: string[] = []
  const entries = Object.entries(smugglingAnswers)
  upstream.answerWith = (body) => entries[Number(/"content":"hostile-(\d+)"/.exec(body)?.[1] ?? -1)]?.[1] ?? null
  const ask = (text: string) =>
    house.ask(post(JSON.stringify({ model: 'm', messages: [{ role: 'user', content: text }] })))
  for (const [i, [name]] of entries.entries()) {
    await ask(`hostile-${i}`).catch(() => null)
    for (const who of ['next', 'after']) {
      const { status, body } = await ask(`${who}-${i}`)
      const isOwn = status === 200 && body.includes(`you said ${who}-${i}`)
      if (body.includes(poison)) findings.push(`answers, ${name}: the ${who} caller got what was not his`)
      else if (!isOwn) findings.push(`answers, ${name}: the ${who} caller got ${status} ${body.slice(0, 120)}`)
    }
    await pause(1)
  }
  upstream.take('hostile')
  say(`${entries.length} answers of a hostile model server: ${findings.length} findings`)
  return findings
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}
