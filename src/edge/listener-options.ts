/** Settings of a listening socket. */
import { z } from '../ground/schema.ts'

export const listenerSchema = z
  .strictObject({
    host: z.string().default('127.0.0.1').meta({ description: 'Address to listen on; `0.0.0.0` or `::` for all.' }),
    port: z.int().min(0).max(65_535).meta({ description: 'Port to listen on; 0 lets the system choose.' }),
  })
  .meta({ description: 'Where to listen.' })

export type ListenerOptions = z.output<typeof listenerSchema>
