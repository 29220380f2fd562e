/** What kind of thing a file is, by the end of its name; and whether it grows smaller by compressing. */

const text = '; charset=utf-8'
const byEnd: Readonly<Record<string, string>> = {
  ...{ html: `text/html${text}`, htm: `text/html${text}`, css: `text/css${text}`, js: `text/javascript${text}` },
  ...{ mjs: `text/javascript${text}`, cjs: `text/javascript${text}`, json: 'application/json' },
  ...{ map: 'application/json', webmanifest: 'application/manifest+json', jsonld: 'application/ld+json' },
  ...{ geojson: 'application/geo+json', jsonl: 'application/jsonl', txt: `text/plain${text}` },
  ...{ md: `text/markdown${text}`, csv: `text/csv${text}`, ics: `text/calendar${text}`, vtt: `text/vtt${text}` },
  ...{ xml: 'application/xml', rss: 'application/rss+xml', atom: 'application/atom+xml', yaml: 'application/yaml' },
  ...{ yml: 'application/yaml', toml: 'application/toml', wasm: 'application/wasm', pdf: 'application/pdf' },
  ...{ svg: 'image/svg+xml', png: 'image/png', jpg: 'image/jpeg', jpeg: 'image/jpeg', gif: 'image/gif' },
  ...{ webp: 'image/webp', avif: 'image/avif', ico: 'image/x-icon', bmp: 'image/bmp', jxl: 'image/jxl' },
  ...{ woff2: 'font/woff2', woff: 'font/woff', ttf: 'font/ttf', otf: 'font/otf' },
  ...{ mp4: 'video/mp4', webm: 'video/webm', mov: 'video/quicktime', mp3: 'audio/mpeg', ogg: 'audio/ogg' },
  ...{ oga: 'audio/ogg', ogv: 'video/ogg', wav: 'audio/wav', flac: 'audio/flac', m4a: 'audio/mp4' },
  ...{ opus: 'audio/ogg', aac: 'audio/aac', zip: 'application/zip', gz: 'application/gzip' },
  ...{ br: 'application/octet-stream', zst: 'application/zstd', tar: 'application/x-tar' },
  ...{ onnx: 'application/octet-stream', bin: 'application/octet-stream' },
}

export function contentType(name: string): string {
  const end = name.slice(name.lastIndexOf('.') + 1).toLowerCase()
  return (Object.hasOwn(byEnd, end) ? byEnd[end] : undefined) ?? 'application/octet-stream'
}

const compressibleKinds = [
  'text\\/(?!event-stream)',
  'application\\/(?:json|javascript|xml|yaml|toml|jsonl|wasm|manifest\\+json|[\\w.-]+\\+(?:json|xml))',
  'image\\/(?:svg\\+xml|bmp|x-icon)',
  'font\\/(?:ttf|otf)',
]
const compressible = new RegExp(`^(?:${compressibleKinds.join('|')})`, 'i')

export function isCompressible(type: string): boolean {
  return compressible.test(type)
}

/** `index-DqWb3gP1.js`, `main.4f3a2b1c.css`: the name changes with what is in it. */
export function hasHashedName(name: string): boolean {
  const [, hash = ''] = /[.-]([A-Za-z0-9_-]{8,64})\.(?:\w{1,8}\.)?\w{1,8}$/.exec(name) ?? []
  const isHex = /^[0-9a-f]+$/.test(hash) && [8, 10, 12, 16, 20, 32, 40, 64].includes(hash.length)
  // Bundlers write eight characters of base 64. A word has no digits and one case, a date no letters.
  const isBase64 = hash.length === 8 && /[A-Z]/.test(hash) && /[a-z]/.test(hash)
  const isMixed = hash.length === 8 && /\d/.test(hash) && /[a-z]/i.test(hash)
  return (isHex && /\d/.test(hash) && /[a-f]/.test(hash)) || isBase64 || isMixed
}
