/** A control process that starts one replica, says so, and waits to be killed. */
import { ProcessDriver } from '../../src/fleet/driver/process-driver.ts'
import { processSpecSchema } from '../../src/fleet/driver/process-options.ts'
import { systemClock } from '../../src/ground/clock.ts'

const [folder = '', name = '', text = ''] = process.argv.slice(2)
const driver = new ProcessDriver({ clock: systemClock, folder, environment: process.env })
const spec = { ...processSpecSchema.parse({ command: [process.execPath, '-e', text] }) }
await driver.start({ name, deployment: 'chat', release: 'v1', spec })
process.send?.('started')
