/** Every reader of bytes that strangers write. */
import type { Target } from '../target.ts'
import { dialectTargets } from './dialect-targets.ts'
import { fieldTargets } from './field-targets.ts'
import { paperTargets } from './paper-targets.ts'
import { wireTargets } from './wire-targets.ts'

export const allTargets: readonly Target[] = [...wireTargets, ...dialectTargets, ...fieldTargets, ...paperTargets]
