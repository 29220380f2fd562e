/** Settings of a release that runs as a process of this machine. */
import { bytes, count, z } from '../../ground/schema.ts'

const variable = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*\*?$/, 'a name of the environment')

export const processSpecSchema = z
  .strictObject({
    command: z.array(z.string()).min(1).max(1000).meta({
      description:
        'The program and its arguments, run in the foreground and without a shell. `${PORT}`, `${HOST}` and `${NAME}` in it are what the gateway chose; it must listen there.',
    }),
    env: z
      .record(variable, z.string().meta({ description: 'A value; `${PORT}`, `${HOST}` and `${NAME}` are filled in.' }))
      .default({})
      .meta({ description: 'Its environment, beside what it inherits. `PORT`, `HOST` and `NAME` are set for it.' }),
    inherit: z.array(variable).max(200).optional().meta({
      description:
        'Variables that it has from the gateway; a `*` at the end stands for any. Default: those of paths, language, GPUs and model caches. No secret of the gateway is passed on unless it is named.',
    }),
    cwd: z.string().min(1).optional().meta({ description: 'Its working folder. Default: that of the gateway.' }),
    port: z.int().min(1).max(65_535).optional().meta({
      description:
        'A port that it must have; for one replica only. Default: one that is free, kept while the name lives.',
    }),
    memoryBytesMax: bytes(0, 'It is killed when it and its children hold more, and started anew; 0 for no limit.'),
    addressBytesMax: bytes(0, 'Address space of each of its processes (`ulimit -v`); 0 for no limit.'),
    filesMax: count(0, 'Files that it may have open (`ulimit -n`); 0 for what the gateway may.', { min: 0 }),
    niceness: count(0, 'How far others come before it, 0 to 19 (`nice`).', { min: 0, max: 19 }),
    logBytesMax: bytes(8 * 2 ** 20, 'Of what it writes so much is kept, and as much of what was before.'),
  })
  .meta({ description: 'A process of this machine.' })

export type ProcessSpec = z.output<typeof processSpecSchema>
