/** A page of one sentence and perhaps one button, for people who come from a letter. It fetches nothing. */
import { escapeHtml } from '../../ground/escape-html.ts'

export interface SmallPage {
  readonly title: string
  readonly text: string
  /** A button that posts to where the page is; null for none. */
  readonly button: string | null
}

/** The colours of the page itself (web/status/style.css), which is not loaded here. */
const style = `:root{color-scheme:light dark;--ink:#1c2430;--line:#dfe4ea;--ground:#f6f7f9;--card:#fff;
--accent:#1668a8;--on:#fff}
@media(prefers-color-scheme:dark){:root{--ink:#e8ecf1;--line:#2c3542;--ground:#12161c;--card:#1a2029;
--accent:#6db3f2;--on:#12161c}}
*{box-sizing:border-box}
body{margin:0;min-height:100vh;display:grid;place-items:center;padding:1.25rem;font:1rem/1.55 system-ui,sans-serif;
color:var(--ink);background:var(--ground)}
main{width:100%;max-width:34rem;padding:clamp(1.25rem,5vw,2.5rem);border:1px solid var(--line);border-radius:14px;
background:var(--card);overflow-wrap:anywhere}
h1{margin:0 0 .75rem;font-size:clamp(1.35rem,5vw,1.8rem);line-height:1.25}
p{margin:0 0 1rem}
form{margin:1.25rem 0}
button{font:inherit;font-weight:600;padding:.6rem 1.4rem;border:0;border-radius:8px;
background:var(--accent);color:var(--on);cursor:pointer}
button:focus-visible{outline:3px solid #f2a900;outline-offset:2px}
a{color:var(--accent)}
p:last-child{margin:0}`

/** The token is in the address of the page: it must not go anywhere from here. */
export const smallPageHeaders: Readonly<Record<string, string>> = {
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy':
    "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-robots-tag': 'noindex',
}

/** `name`: of the status page. `url`: where that is; empty where it is not known. */
export function smallPageHtml({ title, text, button }: SmallPage, name: string, url: string): string {
  const form = button === null ? '' : `<form method="post"><button type="submit">${escapeHtml(button)}</button></form>`
  const back = url === '' ? '' : `<p><a href="${escapeHtml(url)}/">${escapeHtml(`${name}: status`)}</a></p>`
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><title>${escapeHtml(`${title} – ${name}`)}</title>
<style>${style}</style></head>
<body><main><h1>${escapeHtml(title)}</h1><p>${escapeHtml(text)}</p>${form}${back}</main></body></html>
`
}
