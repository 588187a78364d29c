import { type CheckOutcome, HumanChecks, type InsteadLimit } from '../../interactions/challenges/human-checks.ts'
import { proofOfWork } from '../../interactions/challenges/proof-of-work.ts'
import { question } from '../../interactions/challenges/question.ts'
import type { Limits } from '../ops/limits.ts'
import type { Metrics } from '../ops/metrics.ts'
import { sealing } from '../store/seal.ts'
import type { Core } from './core.ts'
import type { Face } from './face.ts'
import { buildCaptcha } from './vendor-captcha.ts'

interface Parts {
  readonly limits: Limits<'challenge.ip' | 'question.ip' | 'question.all' | 'captcha.ip' | InsteadLimit>
  readonly metrics: Metrics
  readonly face: Pick<Face, 'i18n'>
}

/** The challenges of our own, and that of a vendor, in pages and in apps. */
export interface HumanChecksByPlace {
  readonly pages: HumanChecks
  readonly apps: HumanChecks
}

/** Builds the challenges. A captcha whose script nobody here knows stands beside our own in apps alone. */
export function buildOwnChallenges(core: Core, { limits, metrics, face }: Parts): HumanChecksByPlace {
  const { store, clock, sealer } = core
  const solutions = sealer.deriveEach('altcha_solution')
  const keys = sealer.deriveEach('altcha').map((challenge, index) => {
    return { challenge, solution: solutions[index] as Buffer }
  })
  const own = {
    work: proofOfWork({ store, limits, clock, keys }),
    question: question({ store, limits, clock, translate: face.i18n.translate, ...sealing(sealer, 'question') }),
    limits,
    onAnswer: (challenge: string, verdict: CheckOutcome) => metrics.challenges.inc({ challenge, verdict }),
  }
  const captcha = buildCaptcha(core)
  return {
    pages: new HumanChecks({ ...own, captcha: captcha?.page && captcha }),
    apps: new HumanChecks({ ...own, captcha }),
  }
}
