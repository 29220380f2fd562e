/** What fails, by code: how much of it callers noticed, and how much another attempt made good. */
import { html } from 'htm/preact'
import type { Overview } from '../../src/cli/overview.ts'
import { liveHref } from './route.ts'
import { shortNumber } from './words.ts'

const rowsMax = 12

export function FaultTable({ now: { faults } }: { now: Overview }) {
  if (faults.length === 0) return html`<p class="card calm">Nothing has failed.</p>`
  return html`<div class="card scroll" tabindex="0" role="region" aria-label="Table of faults">
    <table>
      <thead>
        <tr><th scope="col">Cause</th><th scope="col" class="whose">Whose</th><th scope="col" class="number">Callers</th><th scope="col" class="number">Attempts</th></tr>
      </thead>
      <tbody>
        ${faults.slice(0, rowsMax).map(
          ({ code, title, source, calls, attempts }) => html`<tr key=${code}>
            <th scope="row"><a href=${liveHref({ code })}>${title}</a><br /><code class="soft">${code}</code></th>
            <td class="whose">${source ?? '–'}</td>
            <td class=${`number ${calls > 0 ? 'bad' : ''}`}>${shortNumber(calls)}</td>
            <td class="number">${shortNumber(attempts)}</td>
          </tr>`,
        )}
      </tbody>
    </table>
    <p class="soft">
      Callers: calls that failed. Attempts: tries at upstreams that failed; mostly another one answered.
    </p>
  </div>`
}
