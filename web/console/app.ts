/** The frame around every page: where one is, how the gateway does, and the way to a ray. */
import { html } from 'htm/preact'
import { AlertsPage } from './alerts-page.ts'
import { isTokenWanted, keepToken } from './ask.ts'
import { ConfigPage } from './config-page.ts'
import { LivePage } from './live-page.ts'
import { OverviewPage } from './overview-page.ts'
import { RayPage } from './ray-page.ts'
import { rayHref, route } from './route.ts'
import { overview, trouble } from './state.ts'

const pages = [
  { page: 'overview', title: 'Overview', Page: OverviewPage },
  { page: 'live', title: 'Live', Page: LivePage },
  { page: 'alerts', title: 'Objectives', Page: AlertsPage },
  { page: 'config', title: 'Configuration', Page: ConfigPage },
] as const

export function App() {
  const { page, subject } = route.value
  return html`
    <a class="skip" href="#content" onClick=${toContent}>To the content</a>
    <header>
      <a class="mark" href="#/overview" aria-label="Holdfast, overview"><${Mark} />Holdfast</a>
      <nav aria-label="Pages">
        ${pages.map(
          (each) =>
            html`<a href=${`#/${each.page}`} aria-current=${each.page === page ? 'page' : null}>${each.title}</a>`,
        )}
      </nav>
      <form role="search" onSubmit=${toRay}>
        <input name="ray" aria-label="Ray ID" placeholder="Ray ID" autocomplete="off" spellcheck="false" required />
        <button>Explain</button>
      </form>
    </header>
    ${isTokenWanted.value && html`<${TokenForm} />`}
    ${trouble.value && html`<p class="notice bad" role="alert">${trouble.value} What is shown is old.</p>`}
    <main id="content" tabindex="-1">
      ${isTokenWanted.value ? html`<h1>Who asks?</h1>` : pageOf(page, subject)}
    </main>
    <footer>${footer()}</footer>
  `
}

function pageOf(page: string, subject: string) {
  const Page = page === 'ray' ? RayPage : pages.find((each) => each.page === page)?.Page
  return Page ? html`<${Page} key=${subject} />` : html`<h1>There is no such page</h1>`
}

function Mark() {
  return html`<svg viewBox="0 0 16 16" width="18" height="18" aria-hidden="true">
    <circle cx="8" cy="8" r="5.5" fill="none" stroke="currentColor" stroke-width="3" />
  </svg>`
}

function footer(): string {
  const now = overview.value
  if (!now) return ''
  return `Site ${now.site} · version ${now.version} · process ${now.pid} · generation ${now.generation}`
}

function TokenForm() {
  return html`<form class="notice token" aria-label="Token" onSubmit=${takeToken}>
    <label for="token">This port asks for the token of <code>admin.token</code>.</label>
    <input id="token" name="token" type="password" autocomplete="current-password" required />
    <button>Show it</button>
  </form>`
}

function takeToken(event: SubmitEvent): void {
  event.preventDefault()
  const token = new FormData(event.currentTarget as HTMLFormElement).get('token')
  if (typeof token === 'string') keepToken(token.trim())
}

function toRay(event: SubmitEvent): void {
  event.preventDefault()
  const ray = new FormData(event.currentTarget as HTMLFormElement).get('ray')
  if (typeof ray === 'string' && ray.trim() !== '') location.hash = rayHref(ray.trim())
}

/** The address is taken for pages, so the jump is made by hand. */
function toContent(event: Event): void {
  event.preventDefault()
  document.getElementById('content')?.focus()
}
