/** Where the console begins. */
import { html, render } from 'htm/preact'
import { App } from './app.ts'
import { startPolling } from './state.ts'

const place = document.getElementById('app')
if (place) {
  place.replaceChildren()
  render(html`<${App} />`, place)
}
startPolling()
