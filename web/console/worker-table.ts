/** The processes that do the work. */
import { html } from 'htm/preact'
import type { Overview } from '../../src/cli/overview.ts'

export function WorkerTable({ now: { workers } }: { now: Overview }) {
  return html`<div class="card scroll" tabindex="0" role="region" aria-label="Table of workers">
    <table>
      <thead>
        <tr><th scope="col">Worker</th><th scope="col">State</th><th scope="col">Pressure</th><th scope="col" class="number">Calls</th></tr>
      </thead>
      <tbody>
        ${workers.map(
          ({ number, pid, state, rung, reason, callsLive }) => html`<tr key=${pid}>
            <th scope="row">${number} <span class="soft">process ${pid}</span></th>
            <td><span class=${`badge ${state === 'ready' ? 'good' : 'warn'}`}>${state}</span></td>
            <td>${rung}${reason && html`<span class="soft"> ${reason}</span>`}</td>
            <td class="number">${callsLive}</td>
          </tr>`,
        )}
      </tbody>
    </table>
  </div>`
}
