/** Which route an address belongs to. Pure. */

export interface Place {
  readonly path: string
  readonly host?: string | undefined
}

/**
 * The route with the longest path that the address begins with; of those alike the one that names the host. `host` may
 * bear a port.
 */
export function findRoute<T extends Place>(routes: readonly T[], host: string, path: string): T | null {
  const name = host.toLowerCase().replace(/:\d{1,5}$/, '')
  let best: T | null = null
  for (const route of routes) {
    if (!beginsWith(path, route.path) || !isOf(name, route.host)) continue
    if (best === null || rank(route) > rank(best)) best = route
  }
  return best
}

/** What of the path lies below the route's, with a slash in front. */
export function below(path: string, route: Place): string {
  const rest = path.slice(route.path.replace(/\/$/, '').length)
  return rest.startsWith('/') ? rest : `/${rest}`
}

function beginsWith(path: string, prefix: string): boolean {
  if (!path.startsWith(prefix)) return false
  return prefix.endsWith('/') || path.length === prefix.length || path[prefix.length] === '/'
}

function isOf(name: string, host: string | undefined): boolean {
  if (host === undefined) return true
  return host.startsWith('*.') ? name.endsWith(host.slice(1)) && name.length > host.length - 1 : name === host
}

/** Length of the path first, then how exactly the host is named. */
function rank({ path, host }: Place): number {
  return path.length * 1000 + (host === undefined ? 0 : host.startsWith('*.') ? host.length : 500 + host.length)
}
