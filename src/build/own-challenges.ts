import { HumanChecks } from '../../interactions/challenges/human-checks.ts'
import { proofOfWork } from '../../interactions/challenges/proof-of-work.ts'
import { question } from '../../interactions/challenges/question.ts'
import type { Limits } from '../ops/limits.ts'
import type { Metrics } from '../ops/metrics.ts'
import { sealing } from '../store/seal.ts'
import type { Core } from './core.ts'
import type { Face } from './face.ts'

interface Parts {
  readonly limits: Limits<'challenge.ip' | 'question.ip' | 'question.all'>
  readonly metrics: Metrics
  readonly face: Pick<Face, 'i18n'>
}

/** The challenges of our own, for pages and apps. */
export function buildOwnChallenges({ store, clock, sealer }: Core, { limits, metrics, face }: Parts): HumanChecks {
  const solutions = sealer.deriveEach('altcha_solution')
  const keys = sealer.deriveEach('altcha').map((challenge, index) => {
    return { challenge, solution: solutions[index] as Buffer }
  })
  return new HumanChecks({
    work: proofOfWork({ store, limits, clock, keys }),
    question: question({ store, limits, clock, translate: face.i18n.translate, ...sealing(sealer, 'question') }),
    onAnswer: (challenge, verdict) => metrics.challenges.inc({ challenge, verdict }),
  })
}
