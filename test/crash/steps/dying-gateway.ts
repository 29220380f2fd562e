/**
 * The gateway's command with kill points: tests start it in the place of `src/cli/holdfast.ts`. Workers are started
 * from the same file, so they have the kill points too; the supervisor has none.
 */
import cluster from 'node:cluster'
import { Doom, folderVariable } from './death.ts'
import { putKillPoints } from './kill-points.ts'

const folder = process.env[folderVariable]
if (cluster.isWorker && folder) putKillPoints(new Doom(folder))
await import('../../../src/cli/holdfast.ts')
