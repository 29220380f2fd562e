/** A fact in one line, for people. What others chose is shown, and cannot move a cursor or begin a line of its own. */
import type { ChallengeSums } from './challenge-sums.ts'
import type { CallFact, ExitTold, Fact } from './fact.ts'

type Words = { readonly [K in Fact['kind']]: (fact: Extract<Fact, { kind: K }>) => string }

const words: Words = {
  call: callWords,
  seam: ({ upstream, code, detail, eventCount }) =>
    `${upstream ?? 'an upstream'} broke off after ${eventCount} events: ${code}${behind(detail)}`,
  client: ({ state }) => (state === 'left' ? 'the caller left' : 'the caller took nothing, and was let go'),
  adoption: ({ state, epoch, eventCount }) =>
    `${state === 'adopted' ? 'taken over from a dead process' : 'nobody could go on with it'}, ${eventCount} events, epoch ${epoch}`,
  breaker: ({ upstream, model, state, reason, openMs }) =>
    state === 'returned'
      ? `${model} at ${upstream} is back`
      : `${model} at ${upstream} is out for ${seconds(openMs)}${behind(reason)}`,
  upstream: ({ upstream, state, code, detail, seenBy }) =>
    `${upstream} is ${state}${code ? ` (${code}, seen by a ${seenBy})` : ''}${behind(detail)}`,
  key: ({ upstream, position, count, code, restMs }) =>
    `key ${position} of ${count} for ${upstream} rests for ${seconds(restMs)}: ${code}`,
  probe: ({ upstream, model, outcome, code, detail }) =>
    `${model} at ${upstream} was asked for a token: ${outcome}${code ? ` (${code})` : ''}${behind(detail)}`,
  limit: ({ upstream, calls, callsBefore, work, workBefore }) =>
    `${upstream} is given ${calls} calls at once (${callsBefore} before), ${work} tokens (${workBefore})`,
  load: ({ upstream, calls, callsMax, work, engineWaiting, engineRunning }) =>
    `${upstream} has ${calls} of ${callsMax} calls, ${work} tokens${engineRunning === null ? '' : `; its engine runs ${engineRunning}, ${engineWaiting} wait`}`,
  line: ({ pool, tier, waiting }) => `${waiting} calls of ${tier} wait for ${pool}`,
  pressure: ({ rung, rungBefore, store, resource, share }) =>
    `pressure: ${rungBefore} → ${rung}${store === 'calm' ? '' : `, store ${store}`}${resource ? ` (${resource} at ${percent(share)})` : ''}`,
  resource: ({ residentBytes, loopDelayMs, cpuShare, fdCount, callsLive }) =>
    `${Math.round(residentBytes / 2 ** 20)} MiB, ${percent(cpuShare)} of a processor, ${loopDelayMs} ms late, ${fdCount ?? '?'} files, ${callsLive} calls`,
  worker: ({ number, pid, state, isExpected, exit, detail }) =>
    `worker ${number} (${pid}) ${state}${exit ? exitWords(exit) : ''}${isExpected ? '' : ', unexpected'}${behind(detail)}`,
  engine: ({ upstream, pid, state, isExpected, exit, detail }) =>
    `model server of ${upstream} (${pid}) ${state}${exit ? exitWords(exit) : ''}${isExpected ? '' : ', unexpected'}${behind(detail)}`,
  replica: ({ upstream, state, exit, detail }) =>
    `replica ${upstream} ${state}${exit ? exitWords(exit) : ''}${behind(detail)}`,
  scale: ({ deployment, from, to, why, evidence }) => `${deployment}: ${from} → ${to} replicas, ${why} (${evidence})`,
  deploy: ({ state, version, versionBefore, generation, reason }) =>
    `gateway ${state}, generation ${generation}, version ${version}${version === versionBefore ? '' : ` (before: ${versionBefore})`}${behind(reason)}`,
  config: ({ state, hash, changed, reason }) =>
    `configuration ${state} (${hash})${changed.length > 0 ? `: ${changed.join(', ')}` : ''}${behind(reason)}`,
  journal: ({ state, detail }) => `the journal: ${state}${behind(detail)}`,
  certificate: ({ state, names, untilMs, detail }) =>
    `certificate of ${names.slice(0, 3).join(', ')} ${state}${untilMs > 0 ? `, good until ${moment(untilMs)}` : ''}${behind(detail)}`,
  maintenance: ({ state, title, beginMs, endMs }) =>
    `maintenance ${state}: ${title} (${moment(beginMs)} to ${moment(endMs)})`,
  shield: ({ state, level, detail, networks, challenges }) =>
    `${state === 'offence' ? 'a connection was closed' : `the shield is ${state} to ${level}`}${behind(detail)}${networks.length > 0 ? `; from ${networks.map(({ network, share }) => `${network} ${percent(share)}`).join(', ')}` : ''}${proofs(challenges)}`,
  quarantine: ({ state, key, model, upstreams, untilMs }) =>
    state === 'released'
      ? `${key === '' ? 'all requests' : `the request ${key.slice(0, 12)}`} may be sent again`
      : `a request to ${model} is in quarantine until ${moment(untilMs)}: ${upstreams.join(', ')} died of it`,
  rollout: ({ deployment, release, phase, share, detail }) =>
    `${deployment}: ${release} is ${phase}, ${percent(share)} of new calls${behind(detail)}`,
  remedy: ({ state, replica, ailment, remedy, evidence, detail }) =>
    `${replica}: ${ailment} (${evidence}); ${[remedy, state].filter((word) => word !== '').join(' ')}${behind(detail)}`,
  sum: ({ count, route, model, outcome, code, fromMs, atMs }) =>
    `${count} calls of ${route} to ${model} in ${seconds(atMs - fromMs)}: ${code ?? outcome}`,
  visits: ({ count, route, failedCount, fromMs, atMs }) =>
    `${count} visits of ${route} in ${seconds(atMs - fromMs)}, ${failedCount} of them failed`,
}

/** Undefined in facts of versions that asked for no proof of work. */
function proofs(sums: ChallengeSums | undefined): string {
  return sums && sums.issued > 0 ? `; ${sums.issued} proofs of work asked for, ${sums.solved} done` : ''
}

const moment = (ms: number): string => new Date(ms).toISOString()

/** Without its time, ray and process. */
export function factWords(fact: Fact): string {
  try {
    return printable((words[fact.kind] as (fact: Fact) => string)(fact))
  } catch {
    return 'written by another version, in a shape that is not known here'
  }
}

/** Control and invisible characters as escapes: of ASCII, of its extension, of writing direction, and broken halves. */
export function printable(text: string): string {
  return text.replace(
    /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]/gu,
    (each) => `\\u{${(each.codePointAt(0) ?? 0).toString(16)}}`,
  )
}

function callWords(fact: CallFact): string {
  const { route, model, outcome, status, code, attempts, seams, durationMs, firstTokenMs, detail } = fact
  const tries = attempts.map((each) => `${each.upstream}${each.code ? ` ${each.code}` : ''}`).join(', ')
  const first = firstTokenMs === null ? '' : `, first token after ${seconds(firstTokenMs)}`
  const what = `${route} ${model || '-'} ${outcome} ${status}${code ? ` ${code}` : ''}`
  const seam = seams.length > 0 ? `, ${seams.length} seam${seams.length === 1 ? '' : 's'}` : ''
  return `${what} in ${seconds(durationMs)}${first}${seam}${tries === '' ? '' : ` [${tries}]`}${behind(detail)}`
}

function exitWords({ exitCode, signal, stderrTail, ageMs }: ExitTold): string {
  const last = stderrTail.trim().split('\n').slice(-3).join(' / ')
  return ` after ${seconds(ageMs)} by ${signal ?? `code ${exitCode}`}${last === '' ? '' : `, its last words: ${last}`}`
}

const behind = (text: string): string => (text === '' ? '' : `: ${text}`)
const percent = (share: number): string => `${Math.round(100 * share)} %`
const seconds = (ms: number): string => (ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`)
