/** A configuration as it may be shown. */
import { mapSecrets } from '../alert/alert-options.ts'
import type { Config } from '../config.ts'
import { readMailPassword } from '../status/subscription/subscription-options.ts'

export function withoutSecrets(config: Config): Config {
  const hide = (spelling: string): string => (/^(env|file):|^caller$/.test(spelling) ? spelling : '(hidden)')
  const { token } = config.admin
  const { otlp } = config.telemetry
  const { page } = config.status
  const { acme } = config.tls
  const hidden = acme?.eab && { ...acme, eab: { ...acme.eab, key: hide(acme.eab.key) } }
  const bucket = page.bucket && {
    ...page.bucket,
    accessKey: hide(page.bucket.accessKey),
    secretKey: hide(page.bucket.secretKey),
  }
  const headers = Object.entries(otlp.headers).map(([name, value]) => [name, hide(value)])
  return {
    ...config,
    tls: { ...config.tls, ...(hidden && { acme: hidden }) },
    admin: { ...config.admin, ...(token !== undefined && { token: hide(token) }) },
    upstreams: Object.fromEntries(
      Object.entries(config.upstreams).map(([name, options]) => [
        name,
        {
          ...options,
          ...(options.key && { key: hide(options.key) }),
          ...(options.keys && { keys: options.keys.map(hide) }),
        },
      ]),
    ),
    keys: config.keys.map((key) => ({ ...key, key: hide(key.key) })),
    telemetry: { ...config.telemetry, otlp: { ...otlp, headers: Object.fromEntries(headers) } },
    alerts: mapSecrets(config.alerts, hide),
    status: {
      ...config.status,
      subscriptions: readMailPassword(config.status.subscriptions, hide),
      page: { ...page, ...(bucket && { bucket }) },
    },
  }
}
