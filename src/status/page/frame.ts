/** What is around every page: its head, its navigation, the marks it draws with, its foot. */
import { isoTime } from '../../ground/iso-time.ts'
import { html, type Html } from './html.ts'
import { folderOf, homeOf, type PageScene, rootOf } from './page-scene.ts'
import { pagePolicy } from './page-policy.ts'
import { originOf, subscribeForm } from './subscribe-form.ts'

/** Filled, of 24 by 24: told apart by their shape, not by colour alone. */
const marks = html`<svg class="marks" aria-hidden="true"><defs>
<symbol id="ok" viewBox="0 0 24 24"><path d="M12 2a10 10 0 1 0 0 20 10 10 0 0 0 0-20zm-1.6 14.6-4-4 1.7-1.7 2.3 2.3 5.5-5.5 1.7 1.7z"/></symbol>
<symbol id="slow" viewBox="0 0 24 24"><path d="M12 2a10 10 0 1 0 0 20 10 10 0 0 0 0-20zM6.5 10.8h11v2.4h-11z"/></symbol>
<symbol id="part" viewBox="0 0 24 24"><path d="M12 2.2 1.6 20.5h20.8zm-1.2 6.6h2.4v5.6h-2.4zm0 7h2.4v2.3h-2.4z"/></symbol>
<symbol id="out" viewBox="0 0 24 24"><path d="M7.9 2h8.2L22 7.9v8.2L16.1 22H7.9L2 16.1V7.9zm.2 4.4L6.4 8.1l3.9 3.9-3.9 3.9 1.7 1.7 3.9-3.9 3.9 3.9 1.7-1.7-3.9-3.9 3.9-3.9-1.7-1.7-3.9 3.9z"/></symbol>
<symbol id="work" viewBox="0 0 24 24"><path d="M21.7 6.5 18 10.2l-3-.9-.9-3 3.7-3.7a6.5 6.5 0 0 0-8.4 8.2L2.6 17.6a2.7 2.7 0 0 0 3.8 3.8l6.8-6.8a6.5 6.5 0 0 0 8.5-8.1z"/></symbol>
<symbol id="time" viewBox="0 0 24 24"><path d="M12 2a10 10 0 1 0 0 20 10 10 0 0 0 0-20zm1.2 4.8v4.7l3.4 3.4-1.7 1.7-4.1-4.1V6.8z"/></symbol>
</defs></svg>`

export interface Framed {
  readonly title: string
  /** One sentence, for those who list the page. */
  readonly about: string
  readonly main: Html
  /** It does not change any more: old figures are no worse than new ones. */
  readonly isFinal?: boolean
}

/** A whole document. */
export function frame(scene: PageScene, { title, about, main, isFinal = false }: Framed): Buffer {
  const { words, view, look } = scene
  const root = rootOf(scene)
  const document = html`<!doctype html>
<html lang="${words.tag}" data-root="${root}" data-minutes="${look.staleMinutes}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="content-security-policy" content="${pagePolicy}; form-action 'self' ${originOf(view.page.url) ?? ''}">
<meta name="description" content="${about}">
<title>${title}</title>
<link rel="icon" href="${root}icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="${root}style.css">
${alternates(scene)}<script src="${root}live.js" defer></script>
</head>
<body>
<a class="skip" href="#content">${words.toContent}</a>
${marks}
<div id="page">
${header(scene)}
<p id="stale" class="stale" hidden>${words.stale}</p>
<p id="news" class="hidden" role="status"></p>
<main id="content" tabindex="-1" data-of="${isFinal ? '' : isoTime(view.updatedMs)}">
${main}</main>
${footer(scene)}
</div>
</body>
</html>
`
  return Buffer.from(document.text)
}

function header(scene: PageScene): Html {
  const { words, view, look, path } = scene
  const home = homeOf(scene)
  const here = (isHere: boolean): Html => (isHere ? html` aria-current="page"` : html``)
  const logo =
    look.logo === null ? html`<span class="dot"></span>` : html`<img src="${rootOf(scene)}${look.logo}" alt="">`
  return html`<header>
<a class="mark" href="${home}index.html">${logo}<bdi>${view.page.name}</bdi></a>
<nav aria-label="${words.navigation}"><a href="${home}index.html"${here(path === 'index.html')}>${words.status}</a>
<a href="${home}history.html"${here(path.startsWith('history'))}>${words.history}</a></nav>
${look.languages.length > 1 && languages(scene)}</header>`
}

function languages(scene: PageScene): Html {
  const { look, words, path } = scene
  const root = rootOf(scene)
  const links = look.languages.map(({ tag, name }) =>
    tag === words.tag
      ? html`<span aria-current="true">${name}</span> `
      : html`<a href="${root}${folderOf(look, tag)}${path}" lang="${tag}" hreflang="${tag}">${name}</a> `,
  )
  return html`<nav class="languages" aria-label="${words.languages}">${links}</nav>`
}

/** For search engines and readers of feeds. */
function alternates(scene: PageScene): Html {
  const { look, words, path } = scene
  const root = rootOf(scene)
  const others = look.languages
    .filter(({ tag }) => tag !== words.tag)
    .map(
      ({ tag }) => html`<link rel="alternate" hreflang="${tag}" href="${root}${folderOf(look, tag)}${path}">
`,
    )
  const feeds = look.feeds
    .filter(({ path: feed }) => /\.(atom|rss)$/.test(feed))
    .map(({ path: feed, name }) => {
      const type = `application/${feed.endsWith('.atom') ? 'atom' : 'rss'}+xml`
      return html`<link rel="alternate" type="${type}" title="${name}" href="${root}${feed}">
`
    })
  return html`${others}${feeds}`
}

function footer(scene: PageScene): Html {
  const { words, look } = scene
  const root = rootOf(scene)
  const feeds = look.feeds.map(({ path, name }) => html`<a href="${root}${path}">${name}</a> `)
  return html`<footer>
${look.canSubscribe && subscribeForm(scene)}
${look.feeds.length > 0 && html`<p>${words.feeds}: ${feeds}</p>`}
<p>${words.made}</p>
</footer>`
}
