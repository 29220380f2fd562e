/** A page of one sentence and perhaps one button, for people who come from a letter. It fetches nothing. */
import { escapeHtml } from '../../ground/escape-html.ts'

export interface SmallPage {
  readonly title: string
  readonly text: string
  /** A button that posts to where the page is; null for none. */
  readonly button: string | null
}

const style = `body{font:1.1rem/1.5 system-ui,sans-serif;max-width:34rem;margin:12vh auto;padding:0 1rem}
body{color:#1f2328;background:#fff}
button{font:inherit;padding:.6rem 1.4rem;border:0;border-radius:.4rem;background:#0a58ca;color:#fff}
button:focus-visible{outline:3px solid #f2a900;outline-offset:2px}
@media(prefers-color-scheme:dark){body{color:#e6edf3;background:#0d1117}}`

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
  const back = url === '' ? '' : `<p><a href="${escapeHtml(url)}/">${escapeHtml(name)}</a></p>`
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark"><title>${escapeHtml(`${title} – ${name}`)}</title>
<style>${style}</style></head>
<body><main><h1>${escapeHtml(title)}</h1><p>${escapeHtml(text)}</p>${form}${back}</main></body></html>
`
}
