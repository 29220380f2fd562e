/** Releases that are images: what they may say depends on the driver of their deployment. */
import { farSpecSchemas } from '../fleet/driver/drivers-options.ts'
import { z } from '../ground/schema.ts'

export const imageReleaseSchema = z
  .object({
    image: z.string().min(1).max(1000).meta({
      description:
        'The container image, for `driver: docker` and `driver: kubernetes`. What else a release says there: [containers](../guide/containers.md).',
    }),
  })
  .catchall(z.unknown().meta({ description: 'What the driver understands beside it.' }))
  .meta({ description: 'A container of an image.' })

interface Deployment {
  readonly driver: 'process' | keyof typeof farSpecSchemas
  readonly releases: Readonly<Record<string, Readonly<Record<string, unknown>>>>
}

/** Each release against what its driver understands. */
export function checkReleases({ driver, releases }: Deployment, context: z.RefinementCtx): void {
  for (const [name, release] of Object.entries(releases)) {
    const path = ['releases', name]
    const isImage = 'image' in release
    if (isImage !== (driver !== 'process')) {
      const message = isImage
        ? 'an image runs with `driver: docker` or `driver: kubernetes`'
        : `a release has an \`image\` with \`driver: ${driver}\``
      context.addIssue({ code: 'custom', path: [...path, 'image'], message })
      continue
    }
    if (driver === 'process') continue
    const read = farSpecSchemas[driver].safeParse(release)
    for (const issue of read.error?.issues ?? [])
      context.addIssue({ code: 'custom', path: [...path, ...issue.path], message: issue.message })
  }
}
