/** The objects of Kubernetes, as far as they are read here. What is optional there is optional here. */

interface Meta {
  readonly name?: string
  readonly uid?: string
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
  /** The client makes dates of them. */
  readonly creationTimestamp?: Date | string
  readonly deletionTimestamp?: Date | string
}

export interface KubeDeployment {
  readonly metadata?: Meta
  readonly spec?: { readonly replicas?: number }
}

interface Terminated {
  readonly exitCode?: number
  readonly signal?: number
  readonly reason?: string
  readonly message?: string
}

export interface ContainerStatus {
  readonly name?: string
  readonly restartCount?: number
  readonly state?: {
    readonly waiting?: { readonly reason?: string; readonly message?: string }
    readonly running?: { readonly startedAt?: Date | string }
    readonly terminated?: Terminated
  }
  readonly lastState?: { readonly terminated?: Terminated }
}

export interface KubePod {
  readonly metadata?: Meta
  readonly spec?: { readonly nodeName?: string }
  readonly status?: {
    readonly phase?: string
    readonly reason?: string
    readonly message?: string
    readonly podIP?: string
    readonly startTime?: Date | string
    readonly conditions?: readonly {
      readonly type?: string
      readonly status?: string
      readonly reason?: string
      readonly message?: string
    }[]
    readonly containerStatuses?: readonly ContainerStatus[]
  }
}

export interface KubeEndpointSlice {
  readonly endpoints?:
    | readonly {
        readonly addresses?: readonly string[]
        readonly conditions?: { readonly ready?: boolean; readonly terminating?: boolean }
        readonly targetRef?: { readonly kind?: string; readonly name?: string }
      }[]
    | null
}

export interface KubePodMetrics {
  readonly metadata?: Meta
  readonly containers?: readonly { readonly usage?: { readonly memory?: string } }[]
}
