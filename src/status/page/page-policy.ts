/** What a page may load and do, and the warning that it carries unseen. */

/** Nothing from elsewhere, no script and no style but the page's own files. Where forms go, each page says itself. */
export const pagePolicy = [
  "default-src 'none'",
  ...["script-src 'self'", "style-src 'self'", "img-src 'self'", "connect-src 'self'"],
  "base-uri 'none'",
].join('; ')

/** As it stands in each page; a server whose news have stopped takes the word `hidden` out. */
export const staleMark = '<p id="stale" class="stale" hidden>'
export const staleShown = staleMark.replace(' hidden', '')
