/** Settings of replicas that run in a Kubernetes cluster. */
import { z } from '../../ground/schema.ts'
import { containerFields } from './docker-options.ts'

const quantity = z.string().regex(/^\d+(\.\d+)?(m|k|Ki|M|Mi|G|Gi|T|Ti)?$/, 'a quantity like 500m or 2Gi')
const label = z.string().regex(/^[A-Za-z0-9]([A-Za-z0-9._/-]*[A-Za-z0-9])?$/, 'a name as Kubernetes has them')

export const kubernetesSpecSchema = z
  .strictObject({
    ...containerFields,
    gpuResource: label.default('nvidia.com/gpu').meta({ description: 'What the cluster calls a GPU.' }),
    requests: z
      .record(label, quantity)
      .default({})
      .meta({ description: 'What is set aside for it on its node, such as `memory: 8Gi`. Left out: its limits.' }),
    volumes: z
      .array(
        z.strictObject({
          claim: z.string().min(1).max(253).meta({ description: 'A PersistentVolumeClaim.' }),
          path: z.string().startsWith('/').meta({ description: 'Where it is seen inside the container.' }),
          readOnly: z.boolean().default(true).meta({ description: 'Whether nothing can be written to it.' }),
        }),
      )
      .max(64)
      .default([])
      .meta({ description: 'Volumes of the cluster, such as one with the weights.' }),
    nodeSelector: z.record(label, z.string()).default({}).meta({ description: 'Labels that its node must have.' }),
    serviceAccount: z.string().min(1).max(253).optional().meta({
      description: 'The service account of its pod. Left out: that of the namespace. No token of it is mounted.',
    }),
    pullSecrets: z
      .array(z.string().min(1))
      .max(16)
      .default([])
      .meta({ description: 'Secrets for private registries.' }),
    probePath: z.string().startsWith('/').optional().meta({
      description:
        'Path that the cluster asks before it counts the pod as ready. Left out: ready once it runs. The gateway asks by itself (`ready`) in any case.',
    }),
    graceSeconds: z.int().min(1).max(86_400).default(600).meta({
      description:
        'Time to end that its pod has when somebody else ends it, such as a node that is drained. The gateway gives less where it has moved the answers.',
    }),
    pod: z.record(z.string(), z.unknown()).default({}).meta({
      description: 'Fields of the pod’s `spec` that are set as they are, such as `tolerations` or `affinity`.',
    }),
  })
  .meta({ description: 'How a replica is run in a cluster.' })

export type KubernetesSpec = z.output<typeof kubernetesSpecSchema>

export const kubernetesSettingsSchema = z
  .strictObject({
    namespace: z.string().min(1).max(63).optional().meta({
      description:
        'Namespace of the replicas. Left out: that of the gateway’s own pod or of the kubeconfig, else `default`.',
    }),
    kubeconfig: z.string().min(1).optional().meta({
      description:
        'File that says where the cluster is and who we are. Left out: the service account of the pod that the gateway runs in, else `KUBECONFIG` or `~/.kube/config`.',
    }),
    context: z
      .string()
      .min(1)
      .optional()
      .meta({ description: 'Which context of the kubeconfig. Left out: the current.' }),
  })
  .prefault({})
  .meta({ description: 'The cluster, for deployments with `driver: kubernetes`.' })

export type KubernetesSettings = z.output<typeof kubernetesSettingsSchema>
