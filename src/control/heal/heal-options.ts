/** The settings of healing. */
import { count, milliseconds, z } from '../../ground/schema.ts'

export const healSchema = z
  .strictObject({
    enabled: z
      .boolean()
      .default(true)
      .meta({ description: 'Replace replicas that hang or leak, and go back from a release that does not live.' }),
    dryRun: z.boolean().default(false).meta({ description: 'What would be done is told, and not done.' }),
    perDeploymentMax: count(4, 'Remedies for one deployment within `windowMs`.', { min: 0, max: 1000 }),
    allMax: count(20, 'The same for all together.', { min: 0, max: 10_000 }),
    windowMs: milliseconds(10 * 60_000, 'The window for these.', { min: 1000 }),
    failuresMax: count(
      3,
      'Remedies of a kind that did nothing, or made it worse, in a row; then it is not used for 6 hours.',
      { max: 100 },
    ),
    hangMs: milliseconds(
      30_000,
      'A replica at which nothing gets on for so long, though it has work, hangs; or for five times its longest pause that ended well.',
      { min: 1000 },
    ),
    measureMs: milliseconds(5 * 60_000, 'What came of a remedy is judged after this, by as long before it.', {
      min: 1000,
    }),
    binMs: milliseconds(
      5 * 60_000,
      'Memory is compared over so long: the least of each counts. A leak is seen after 36 of them.',
      { min: 100 },
    ),
  })
  .prefault({})
  .meta({ description: 'How replicas of deployments are healed.' })

export type HealOptions = z.output<typeof healSchema>
