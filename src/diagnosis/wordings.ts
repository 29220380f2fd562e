/** How servers, proxies and systems word things: what to look for in the technical words of a failure. */

function anyOf(...words: readonly RegExp[]): RegExp {
  return new RegExp(words.map(({ source }) => source).join('|'), 'i')
}

/** What an engine says that cannot have the memory that it wants. */
export const memoryPattern = anyOf(
  /out of memory|outofmemory|memoryerror|\boom\b|heap limit/,
  /bad_alloc|alloc_failed|(cannot|can't|failed to|unable to) allocate/,
  /(insufficient|not enough) (\w+ )?memory|requires more (\w+ )?memory/,
)

/** What a server says that has only just been started; not that it could not load its model. */
export const loadingPattern = anyOf(
  /(?<!(error|failure|failed|unable) )\bloading (the )?model/,
  /\bmodel\b.{0,60}\b(is|still) (still |being )?(loading|loaded|starting|warming)/,
  /warming up|(is|still) starting|not (yet )?ready/,
)

/** What is no word of a model server: a page, or what load balancers say in its place. */
export const proxyPattern = anyOf(
  /an HTML page|text\/html|bad gateway|gateway time-?out/,
  /upstream connect error|no healthy upstream|upstream request timeout|no server is available/,
)

/** A server that sends its callers elsewhere. */
export const redirectPattern = /status 30[12378]/

/** What the system says that gives this process no more of something. */
export const shortagePattern = /EMFILE|ENFILE|ENOBUFS|ENOMEM|EADDRNOTAVAIL/
