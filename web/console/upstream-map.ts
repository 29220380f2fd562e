/** Every upstream: how it stands, why, what it has in hand, and what its engine tells. */
import { html } from 'htm/preact'
import type { Overview, UpstreamSeen } from '../../src/cli/overview.ts'
import { liveHref, rayHref } from './route.ts'
import { clockTime, duration, percent, shortNumber } from './words.ts'

const tones: Readonly<Record<UpstreamSeen['state'], 'good' | 'warn' | 'bad'>> = {
  up: 'good',
  returning: 'warn',
  failing: 'bad',
  keys: 'bad',
  unseen: 'warn',
  out: 'bad',
  hung: 'bad',
  maintenance: 'warn',
}

export function UpstreamMap({ now }: { now: Overview }) {
  const { upstreams, upstreamsLeftOut } = now
  return html`<ul class="upstreams">
      ${upstreams.map((each) => html`<${UpstreamCard} key=${each.name} upstream=${each} />`)}
    </ul>
    ${upstreamsLeftOut > 0 && html`<p class="soft">and ${upstreamsLeftOut} more that are well</p>`}`
}

function UpstreamCard({ upstream }: { upstream: UpstreamSeen }) {
  const { name, url, kind, state, calls, callsMax, work, workMax, engine, models, attempts, failed } = upstream
  const tone = tones[state]
  return html`<li class=${`card upstream ${tone}`}>
    <p class="head">
      <a href=${liveHref({ upstream: name })}>${name}</a>
      <span class=${`badge ${tone}`}>${state}</span>
    </p>
    <p class="soft where">${url} · ${kind} · ${models} ${models === 1 ? 'model' : 'models'}</p>
    ${tone !== 'good' && html`<${Reason} upstream=${upstream} />`}
    <dl class="facts">
      <dt>Calls</dt><dd>${calls} of ${shortNumber(callsMax)}</dd>
      <dt>Tokens</dt><dd>${shortNumber(work)} of ${shortNumber(workMax)}</dd>
      <dt>Attempts</dt><dd>${shortNumber(attempts)}, ${shortNumber(failed)} failed</dd>
      ${
        engine &&
        html`<dt>Engine</dt>
          <dd>${engine.running} run, ${engine.waiting} wait${cacheWords(engine.kvUsage)}</dd>`
      }
      ${upstream.keysResting > 0 && html`<dt>Keys</dt><dd>${upstream.keysResting} of ${upstream.keys} rest</dd>`}
    </dl>
    <${Bar} share=${callsMax === 0 ? 0 : calls / callsMax} />
    ${upstream.lastFailure && html`<${LastFailure} upstream=${upstream} />`}
  </li>`
}

function Reason({ upstream }: { upstream: UpstreamSeen }) {
  const { words, title, code, reason, restMs } = upstream
  return html`<p class="reason">
    It ${words}${title ? `: ${title}` : ''}${code && html` <code>${code}</code>`}${reason && html`; ${reason}`}${
      restMs > 0 ? `. Next in ${duration(restMs)}` : ''
    }.
  </p>`
}

function LastFailure({ upstream: { lastFailure: last } }: { upstream: UpstreamSeen }) {
  if (!last) return null
  return html`<p class="soft last">
    Last failure ${clockTime(last.atMs)}: ${last.title} · <a href=${rayHref(last.ray)}>why?</a>
  </p>`
}

function Bar({ share }: { share: number }) {
  return html`<div class="bar" aria-hidden="true"><i style=${{ width: percent(Math.min(1, share), 1).replace(' ', '') }}></i></div>`
}

function cacheWords(usage: number | null): string {
  return usage === null ? '' : `, cache ${percent(usage)} full`
}
