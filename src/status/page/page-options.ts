/** Settings of the public page: where it is served and kept, and how it looks. */
import { count, milliseconds, z } from '../../ground/schema.ts'
import { languageTags } from './words/languages.ts'

const bucketSchema = z
  .strictObject({
    endpoint: z.url({ protocol: /^https?$/ }).meta({
      description: 'Of the S3-compatible store, such as `https://s3.eu-central-1.amazonaws.com`.',
    }),
    region: z.string().min(1).max(64).default('us-east-1').meta({ description: 'As the store names it.' }),
    name: z
      .string()
      .regex(/^[a-z0-9][a-z0-9.-]{1,62}$/, 'the name of a bucket: a-z, 0-9, dots and dashes')
      .meta({ description: 'Of the bucket.' }),
    prefix: z
      .string()
      .regex(/^([\w.-]+\/)*$/, 'empty, or folders that end in a slash')
      .default('')
      .meta({ description: 'Folder within the bucket, such as `status/`.' }),
    style: z.enum(['path', 'host']).default('path').meta({
      description: 'Whether the bucket is named in the path or in the host name of its addresses.',
    }),
    accessKey: z.string().min(1).meta({ description: 'Id of the key: `env:NAME`, `file:PATH`, or itself.' }),
    secretKey: z.string().min(1).meta({ description: 'The secret of the key: `env:NAME`, `file:PATH`, or itself.' }),
    periodMs: milliseconds(15_000, 'Changes are sent at most so often.', { min: 1000, max: 3_600_000 }),
    timeoutMs: milliseconds(20_000, 'One file has so long.', { min: 100, max: 300_000 }),
  })
  .meta({ description: 'A bucket into which the page is copied, so that it is there when this machine is not.' })

const tagPattern = /^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$/

export const pageSchema = z
  .strictObject({
    port: z.int().min(0).max(65_535).optional().meta({
      description: 'Where the public page listens, in a process of its own. Without it, it is not served here.',
    }),
    host: z.string().default('127.0.0.1').meta({ description: 'Address to listen on.' }),
    folder: z.string().min(1).optional().meta({
      description:
        'Folder into which the page is written, to be hosted from there. It holds nothing else. Default: `status` in the state folder where the page is served or copied, else none.',
    }),
    languages: z
      .array(z.string().regex(tagPattern, 'the tag of a language, such as `en` or `pt-BR`'))
      .min(1)
      .max(10)
      .default(['en'])
      .meta({
        description: `Of the page; the first for readers who want none of the others. Which one a browser asks for is heeded. ${languageTags.map((tag) => `\`${tag}\``).join(' and ')} are there; others need \`words\`.`,
      }),
    words: z
      .record(z.string().regex(tagPattern), z.string().min(1).meta({ description: 'File of the words.' }))
      .default({})
      .meta({
        description:
          'Files of words of your own (JSON), by the tag of their language: one that is not there, or other words for one that is.',
      }),
    logo: z.string().min(1).optional().meta({
      description: 'File of the logo: svg, png, webp or jpeg of at most 256 KiB. Default: none.',
    }),
    accent: z
      .string()
      .regex(/^#[0-9a-fA-F]{6}$/, 'a colour such as #1f6fb2')
      .optional()
      .meta({ description: 'Colour of links and marks; made darker or lighter where it could not be read.' }),
    staleMinutes: count(10, 'Figures older than these minutes are shown with a warning.', { max: 1440 }),
    maxAgeSeconds: count(10, 'Caches may keep a page for so many seconds.', { min: 0, max: 3600 }),
    connectionsMax: count(2000, 'Connections at a time; more are not accepted.', { min: 10, max: 100_000 }),
    readersMax: count(1000, 'Of these, browsers that are told of changes as they come.', { min: 0, max: 100_000 }),
    bucket: bucketSchema.optional(),
  })
  .superRefine(({ languages, words }, context) => {
    for (const [i, tag] of languages.entries())
      if (!Object.hasOwn(words, tag) && !(languageTags as readonly string[]).includes(tag))
        context.addIssue({
          code: 'custom',
          path: ['languages', i],
          message: `there are no words for \`${tag}\`; name a file of them under \`words\``,
        })
  })
  .prefault({})
  .meta({ description: 'The public status page.' })

export type PageOptions = z.output<typeof pageSchema>
export type BucketOptions = z.output<typeof bucketSchema>
