/** A fault in words, for a person, a program and an agent: the same things said in three forms. */
import { type Fault, momentWords } from '../fault/fault.ts'
import type { Ray } from '../fault/ray.ts'
import type { Notice } from './notice.ts'
import { Page } from './page.ts'

const blame = {
  client: 'The request itself',
  gateway: 'This gateway',
  network: 'The network behind this gateway',
  upstream: 'The model server behind this gateway',
  'third-party': 'The provider of the model',
  operator: 'The configuration or a planned change of this service',
} as const

const errorPage = new Page('error.html')

export interface FaultTold {
  readonly fault: Fault
  readonly ray: Ray
  readonly site: string
  readonly atMs: number
  /** Of the visitor. */
  readonly address: string
  readonly notice: Notice
}

/** RFC 9457, with the members that operators of CDNs know and ours on top. */
export function problem({ fault, ray, site, atMs, notice }: Omit<FaultTold, 'address'>): Buffer {
  const { kind } = fault
  const { statusUrl } = notice
  const incident = incidentBehind(fault, notice)
  return Buffer.from(
    JSON.stringify({
      type: `urn:holdfast:fault:${fault.code}`,
      title: kind.title,
      status: fault.status,
      detail: fault.told,
      instance: `urn:holdfast:ray:${ray}`,
      error_code: fault.code,
      error_category: kind.source,
      retryable: kind.shouldCallerRetry,
      ...(fault.retryAfterMs !== undefined && { retry_after: retryAfterSeconds(fault.retryAfterMs) }),
      ...(fault.untilMs !== undefined && { until: new Date(fault.untilMs).toISOString() }),
      owner_action_required: kind.source === 'operator',
      ray_id: ray,
      site,
      timestamp: new Date(atMs).toISOString(),
      ...(incident && { incident: incident.title, eta: incident.etaWords || null }),
      ...(statusUrl !== '' && { status_url: statusUrl }),
    }),
  )
}

/** For agents: what can be read off by a machine in front, then what happened and what to do. */
export function markdown(told: FaultTold): Buffer {
  const { fault, ray, site, atMs, notice } = told
  const { kind } = fault
  const { statusUrl } = notice
  const incident = incidentBehind(fault, notice)
  const front = [
    `status: ${fault.status}`,
    `error_code: ${fault.code}`,
    `error_category: ${kind.source}`,
    `retryable: ${kind.shouldCallerRetry}`,
    ...(fault.retryAfterMs === undefined ? [] : [`retry_after: ${retryAfterSeconds(fault.retryAfterMs)}`]),
    ...(fault.untilMs === undefined ? [] : [`until: ${new Date(fault.untilMs).toISOString()}`]),
    `ray_id: ${ray}`,
    `site: ${site}`,
    `timestamp: ${new Date(atMs).toISOString()}`,
  ]
  const now = incident ? [`${plain(incident.title)}. ${plain(incident.words)} ${plain(incident.etaWords)}`.trim()] : []
  const more = statusUrl === '' ? [] : [`Status: <${statusUrl}>`]
  const happened = [`## What happened`, `${kind.title}. ${plain(fault.told)}`, ...now]
  const next = [`## What to do`, adviceFor(fault), ...more]
  return Buffer.from(`---\n${front.join('\n')}\n---\n\n${[...happened, ...next].join('\n\n')}\n`)
}

/** What a caller wrote must not become a heading, a link or a second front matter. */
function plain(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, ' ').replace(/[\\`*_[\]<>#|~]/g, '\\$&')
}

export function faultPage({ fault, ray, site, atMs, address, notice }: FaultTold): Buffer {
  const { kind } = fault
  const { statusUrl } = notice
  const incident = incidentBehind(fault, notice)
  const isTheirs = kind.source === 'client'
  return errorPage.render({
    status: String(fault.status),
    title: kind.title,
    sentence: fault.told,
    advice: adviceFor(fault),
    blame: blame[kind.source],
    ray,
    site,
    code: fault.code,
    time: new Date(atMs)
      .toISOString()
      .replace('T', ' ')
      .replace(/\.\d+Z$/, ' UTC'),
    address,
    incident: incident ? `${incident.title}. ${incident.words}` : '',
    incidentHidden: incident ? '' : 'hidden',
    eta: incident?.etaWords ?? '',
    etaHidden: incident?.etaWords ? '' : 'hidden',
    careHidden: incident || isTheirs || isAnnounced(fault) ? 'hidden' : '',
    statusUrl,
    statusHidden: /^https?:\/\//.test(statusUrl) ? '' : 'hidden',
  })
}

/** Whole, and never 0: who comes back at once is sent away again. */
const retryAfterSeconds = (ms: number): number => Math.max(1, Math.ceil(ms / 1000))

function adviceFor(fault: Fault): string {
  if (fault.untilMs !== undefined) return `Try again after ${momentWords(fault.untilMs)}.`
  if (fault.retryAfterMs !== undefined) return `Try again in ${secondsWords(fault.retryAfterMs)}.`
  if (fault.kind.shouldCallerRetry) return 'Try again in a moment.'
  return fault.kind.source === 'client'
    ? 'Trying again without a change will not help.'
    : 'The people who run this service can look it up by the Ray ID.'
}

function secondsWords(ms: number): string {
  const seconds = retryAfterSeconds(ms)
  return seconds === 1 ? 'a second' : `${seconds} seconds`
}

/** What goes on may be why; not where the request itself is at fault, or what happens was planned. */
function incidentBehind(fault: Fault, { incident }: Notice): Notice['incident'] {
  return fault.kind.source === 'client' || isAnnounced(fault) ? null : incident
}

const isAnnounced = ({ code }: Fault): boolean => code === 'HF_MAINTENANCE'
