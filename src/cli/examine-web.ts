/** Looks at what is served beside the models: whether each folder is there, and each application listens. */
import { accessSync, constants, existsSync, statSync } from 'node:fs'
import { connect } from 'node:net'
import { join, resolve } from 'node:path'
import type { Config } from '../config.ts'
import type { Finding } from './finding.ts'

const connectMs = 3000

type Route = Config['web']['routes'][number]

/** One finding a route, in their order. */
export function examineWeb({ web }: Config): Promise<Finding[]> {
  const look = async (route: Route): Promise<Finding> =>
    route.app === undefined ? lookAtFolder(route) : await callApp(route, new URL(route.app))
  return Promise.all(web.routes.map(look))
}

function lookAtFolder(route: Route): Finding {
  const { folder = '', index, fallback } = route
  const about = nameOf(route)
  const cure = 'Build the pages, or correct `folder`, which is relative to the working directory.'
  const place = resolve(folder)
  try {
    accessSync(place, constants.R_OK)
    if (!statSync(place).isDirectory()) return trouble(about, `${place} is no folder`, cure)
  } catch {
    return trouble(about, `${place} is not there, or cannot be read`, cure)
  }
  const missing = [index, fallback].find((name) => name !== undefined && !existsSync(join(place, name)))
  if (missing === undefined) return { about, level: 'well', words: `${place} is there`, cure: '', code: null }
  return { about, level: 'warning', words: `there is no ${missing} in ${place}`, cure, code: 'HF_PAGE_UNKNOWN' }
}

function callApp(route: Route, url: URL): Promise<Finding> {
  const about = nameOf(route)
  const { promise, resolve: found } = Promise.withResolvers<Finding>()
  const host = url.hostname.replace(/^\[|\]$/g, '')
  const socket = connect({ host, port: Number(url.port || (url.protocol === 'https:' ? 443 : 80)), timeout: connectMs })
  const fail = (why: string): void => {
    socket.destroy()
    found(trouble(about, `${url.host} does not answer (${why})`, 'Start it, or correct `app`.', 'HF_APP_UNREACHABLE'))
  }
  socket.once('connect', () => {
    socket.destroy()
    found({ about, level: 'well', words: `${url.host} takes connections`, cure: '', code: null })
  })
  socket.once('timeout', () => fail(`nothing within ${connectMs} ms`))
  socket.once('error', ({ code, message }: NodeJS.ErrnoException) => fail(code ?? message))
  return promise
}

function nameOf({ host = '', path }: Route): string {
  return `web route ${host}${path}`
}

function trouble(about: string, words: string, cure: string, code: string | null = 'HF_PAGE_UNKNOWN'): Finding {
  return { about, level: 'trouble', words, cure, code }
}
