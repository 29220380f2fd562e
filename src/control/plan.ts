/** What is wished: of each deployment which releases run, how often, and with which share of the new calls. */
import type { Deployments } from './deployment-options.ts'

export interface ReleasePlan {
  readonly release: string
  readonly replicas: number
  /** Of the new calls of the deployment, 0 to 1. With 0 its replicas run and have no calls. */
  readonly share: number
}

export interface DeploymentPlan {
  readonly releases: readonly ReleasePlan[]
  /** So small a share of the new calls one replica of the first release gets, to be compared with. Left out: none. */
  readonly controlShare?: number | null
}

/** By deployment. */
export type Plan = ReadonlyMap<string, DeploymentPlan>

/** The release that is to run. */
export function releaseOf({ release, releases }: Deployments[string]): string {
  return release ?? Object.keys(releases)[0] ?? ''
}
