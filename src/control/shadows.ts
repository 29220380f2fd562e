/** Real calls of each deployment, kept for the gate of its next release, where an operator wants that. */
import type { Random } from '../ground/random.ts'
import type { GatePrompt } from './deploy/golden-prompt.ts'
import { type SampledCall, ShadowSample } from './deploy/shadow-sample.ts'
import type { DeploymentOptions } from './deployment-options.ts'
import type { FleetReport } from './fleet-report.ts'
import type { Sight } from './sight.ts'

/** Tokens of an answer that is asked for once more, at most. */
const tokensMax = 1024

export class Shadows {
  #random: Random
  #samples = new Map<string, ShadowSample>()

  constructor(random: Random) {
    this.#random = random
  }

  hear({ samples = [] }: FleetReport, { replicas, deployments }: Sight): void {
    for (const name of this.#samples.keys()) if (!shadowOf(deployments, name)) this.#samples.delete(name)
    for (const { replica, call } of samples) {
      const deployment = replicas.find(({ name }) => name === replica)?.deployment
      const options = deployment === undefined ? undefined : shadowOf(deployments, deployment)
      if (deployment === undefined || !options) continue
      const known = this.#samples.get(deployment) ?? new ShadowSample(this.#random)
      this.#samples.set(deployment, known)
      known.offer(call, options)
    }
  }

  prompts(deployment: string, { deployments, nowMs }: Sight): GatePrompt[] {
    const options = shadowOf(deployments, deployment)
    const calls = options ? (this.#samples.get(deployment)?.calls(nowMs, options) ?? []) : []
    return calls.flatMap((call, i) => toPrompt(call, `real call ${i + 1}`) ?? [])
  }
}

type Shadow = DeploymentOptions['rollout']['gate']['shadow']

const shadowOf = (deployments: Sight['deployments'], name: string): Shadow =>
  Object.hasOwn(deployments, name) ? deployments[name]?.rollout.gate.shadow : undefined

function toPrompt({ body }: SampledCall, name: string): GatePrompt | null {
  let fields: Record<string, unknown>
  try {
    fields = JSON.parse(body) as Record<string, unknown>
  } catch {
    return null
  }
  const messages = Array.isArray(fields['messages']) ? (fields['messages'] as readonly unknown[]) : []
  const last = messages.at(-1)
  const content = typeof last === 'object' && last !== null && 'content' in last ? last.content : null
  return { name, prompt: typeof content === 'string' ? content : '', tokensMax, checks: [], body: fields }
}
