/*
 * Keeps an open status page at the latest, without a reload: the server tells of a new version, or, where the files are
 * hosted without that server, the page is looked at once a minute. The page is whole without this.
 */
const page = document.documentElement
const root = page.dataset.root ?? ''
const pollMs = 60_000
/** So that a thousand readers do not ask all at once. */
const spreadMs = 3000
let version = ''
let polling = 0

async function renew() {
  try {
    const answer = await fetch(location.href, { cache: 'no-cache', headers: { accept: 'text/html' } })
    if (!answer.ok) return
    const fresh = new DOMParser().parseFromString(await answer.text(), 'text/html')
    const [old, main] = [document.querySelector('main'), fresh.querySelector('main')]
    if (!main || !old) return
    const stale = fresh.getElementById('stale')
    if (stale) document.getElementById('stale').hidden = stale.hidden
    if (main.innerHTML !== old.innerHTML) replace(old, main, fresh.title)
    showAge()
  } catch {
    showAge()
  }
}

/** What was opened stays open, and the focus stays where it was. */
function replace(old, main, title) {
  const open = [...old.querySelectorAll('details[open]')].map(({ id }) => id)
  const focus = document.activeElement?.closest('[id]')
  const inside = focus && old.contains(focus) ? [focus.id, indexIn(focus)] : null
  const before = old.querySelector('h1')?.textContent
  old.replaceChildren(...main.childNodes)
  old.dataset.of = main.dataset.of
  for (const id of open) document.getElementById(id)?.setAttribute('open', '')
  if (inside) focusables(document.getElementById(inside[0]) ?? old)[inside[1]]?.focus({ preventScroll: true })
  const now = old.querySelector('h1')?.textContent
  if (now !== before) document.getElementById('news').textContent = now
  document.title = title
  const icon = document.querySelector('link[rel=icon]')
  icon.href = `${icon.href.split('?')[0]}?${Date.now()}`
}

const focusables = (within) => [...within.querySelectorAll('a, summary')]
const indexIn = (within) => focusables(within).indexOf(document.activeElement)

/** Figures that are old say so, even where nobody but the reader's own clock can tell. */
function showAge() {
  const at = Date.parse(document.querySelector('main').dataset.of)
  const minutes = Number(page.dataset.minutes)
  if (at > 0 && Date.now() - at > minutes * 60_000) document.getElementById('stale').hidden = false
}

function poll() {
  polling ||= setInterval(renew, pollMs)
}

function listen() {
  const news = new EventSource(`${root}live`)
  news.addEventListener('version', ({ data }) => {
    const isNew = version !== '' && data !== version
    version = data
    if (isNew) setTimeout(renew, Math.random() * spreadMs)
  })
  news.addEventListener('error', () => {
    if (news.readyState === EventSource.CLOSED) poll()
  })
}

// The way back in the browser's history may show an old copy.
addEventListener('pageshow', ({ persisted }) => persisted && renew())
document.addEventListener('visibilitychange', () => !document.hidden && renew())
if (location.protocol === 'file:') showAge()
else listen()
setInterval(showAge, pollMs)
