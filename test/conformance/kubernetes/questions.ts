/**
 * What our driver asks of an API server. Run by itself, it records what a real one says of these:
 *
 *     node test/conformance/kubernetes/questions.ts FILE      FILE being `/openapi/v2` of a server
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { excerptOf } from './openapi.ts'

export const roots = {
  deployment: 'io.k8s.api.apps.v1.Deployment',
  service: 'io.k8s.api.core.v1.Service',
  scale: 'io.k8s.api.autoscaling.v1.Scale',
  deletion: 'io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions',
} as const
const apps = '/apis/apps/v1/namespaces/{namespace}'
const core = '/api/v1/namespaces/{namespace}'
/** Each question of ours, with the parameters that it has. */
export const questions: Readonly<Record<string, readonly string[]>> = {
  [`get ${apps}/deployments`]: ['labelSelector'],
  [`post ${apps}/deployments`]: [],
  [`delete ${apps}/deployments/{name}`]: [],
  [`patch ${apps}/deployments/{name}/scale`]: [],
  [`get ${core}/pods`]: ['labelSelector', 'watch', 'resourceVersion', 'allowWatchBookmarks', 'timeoutSeconds'],
  [`delete ${core}/pods/{name}`]: ['gracePeriodSeconds'],
  [`get ${core}/pods/{name}/log`]: ['tailLines', 'previous', 'limitBytes'],
  [`post ${core}/services`]: [],
  [`delete ${core}/services/{name}`]: [],
}

if (import.meta.main) {
  const whole = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')) as Parameters<typeof excerptOf>[0]
  const excerpt = excerptOf(whole, Object.values(roots), Object.keys(questions))
  writeFileSync(join(import.meta.dirname, 'openapi-excerpt.json'), `${JSON.stringify(excerpt)}\n`)
}
