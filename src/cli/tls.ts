/**
 * `holdfast tls [host]`: what a handshake with our own listeners and with upstreams, or with any host, agrees upon, and
 * what is weak about it. Exit code: 0 all is well or only to be improved, 2 something is not.
 */
import { readConfigFile } from '../config-file.ts'
import { systemClock } from '../ground/clock.ts'
import { safeJson } from '../ground/one-line.ts'
import { offersTls } from '../edge/tls/tls-options.ts'
import { printable } from '../observe/fact-words.ts'
import { Wires } from '../relay/wire/wires.ts'
import { readPidFile } from './restart.ts'
import { type Look, lookAtTls, type Place } from './tls-look.ts'
import { openFiles } from '../house/tls/tls-desk.ts'

export interface TlsCommandOptions {
  readonly config?: string
  readonly json?: boolean
}

export async function showTls(host: string | undefined, { config, json = false }: TlsCommandOptions): Promise<void> {
  const places = host === undefined ? await placesOf(config ?? 'holdfast.yaml') : [placeOf(host)]
  const looks = await Promise.all(places.map((place) => lookAtTls(place, systemClock.nowMs())))
  if (looks.some(({ troubles }) => troubles.length > 0)) process.exitCode = 2
  if (json) return void process.stdout.write(`${safeJson(JSON.stringify(looks, null, 2))}\n`)
  if (looks.length === 0) process.stdout.write('No listener speaks TLS, and no upstream is at an `https:` URL.\n')
  for (const look of looks) process.stdout.write(words(look))
}

/** `host`, `host:port`, or a URL. @throws {Error} for what is none of them. */
function placeOf(text: string): Place {
  const url = /^[a-z]+:\/\//i.test(text) ? text : `https://${text}`
  if (!URL.canParse(url)) throw new Error(`${text} is no host, no host:port and no URL`)
  return urlPlace(text, new URL(url), {})
}

function urlPlace(about: string, { hostname, port }: URL, tls: Place['tls']): Place {
  const host = hostname.replace(/^\[|\]$/g, '')
  return { about, isOwn: false, host, port: Number(port || 443), servername: tls.servername ?? host, tls }
}

/** Our own listeners, where the gateway runs, and the upstreams that are spoken to by TLS. */
async function placesOf(file: string): Promise<Place[]> {
  const config = readConfigFile(file, process.env)
  await using wires = new Wires(systemClock, config.upstreams)
  const upstreams = Object.entries(config.upstreams)
    .map(([name, { url }]) => [name, new URL(url)] as const)
    .filter(([, { protocol }]) => protocol === 'https:')
    .map(([name, url]) => urlPlace(`upstream ${name}`, url, wires.tlsOf(url)))
  if (!offersTls(config.tls)) return upstreams
  const [servername = 'localhost'] = openFiles(config.tls)[0]?.pair.names ?? []
  const own = ownUrls(config.stateDir)
    .filter(({ protocol }) => protocol === 'https:')
    .map((url) => urlPlace(`listener ${url.host}`, url, { servername: servername.replace(/^\*/, 'any') }))
    .map((place) => ({ ...place, isOwn: true }))
  return [...own, ...upstreams]
}

/** Of a gateway that runs; none where none does. */
function ownUrls(stateDir: string): URL[] {
  try {
    return (readPidFile(stateDir).urls ?? []).map((url) => new URL(url)).map(reachable)
  } catch {
    return []
  }
}

/** One that listens at every address is at this one. */
function reachable(url: URL): URL {
  if (url.hostname === '0.0.0.0') url.hostname = '127.0.0.1'
  if (url.hostname === '[::]') url.hostname = '[::1]'
  return url
}

function words({ about, place, agreed, troubles, warnings }: Look): string {
  const lines = [about === place ? about : `${about} (${place})`]
  if (agreed) {
    const { version, group, isHybrid, cipher, protocol, chain } = agreed
    lines.push(
      `  version    ${version}`,
      `  group      ${group}${isHybrid ? ' (hybrid: also against quantum computers)' : ''}`,
      `  cipher     ${cipher}`,
      `  protocol   ${protocol}`,
      ...chain.map(
        ({ subject, issuer, until, key, names }, i) =>
          `  ${i === 0 ? 'shown     ' : 'signed by '} ${subject} (${key}), by ${issuer}, until ${until}${i === 0 && names !== '' ? `, for ${names}` : ''}`,
      ),
    )
  }
  lines.push(...troubles.map((each) => `  FAIL       ${each}`), ...warnings.map((each) => `  soon       ${each}`))
  return `${lines.map(printable).join('\n')}\n\n`
}
