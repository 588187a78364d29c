import type { Clock } from '../../src/base/clock.ts'
import { type Answer, type ReceivedRequest, type Simulator, startSimulator } from './simulator.ts'

/** A simulated captcha, and what a test may make of its answers. */
export interface CaptchaSimulator<Solution> extends Simulator {
  /** The script that a page loads. It stands for a person who solves the captcha as soon as it is shown. */
  readonly scriptUrl: string
  /** What a person who solved it now would bring. */
  solve(about?: Partial<Solved>): Solution
  /** Members that verdicts have instead of their own, as long as they are in here; `undefined` leaves one out. */
  readonly bent: Record<string, unknown>
}

/** What is known of a solution besides its text. */
export interface Solved {
  /** The captcha as the vendor calls it: a scene, an application, a site. */
  readonly of: string
  /** Where the page or app is. */
  readonly hostname: string
  /** What the page says that it is for. */
  readonly action: string
}

interface CaptchaOptions<Solution> {
  readonly clock: Clock
  readonly port?: number | undefined
  readonly solve: (about?: Partial<Solved>) => Solution
  /** The text of the script, which calls back with this solution. */
  readonly script: (solution: Solution) => string
  /** Judges a call of a server; `asked` is a word of the vendor that somebody wants to see. */
  readonly judge: (request: ReceivedRequest, asked: string | undefined, bent: Bend) => Answer
}

/** Bends a verdict the way that a test has asked for. */
export type Bend = (verdict: Readonly<Record<string, unknown>>) => Readonly<Record<string, unknown>>

const scriptPath = '/captcha.js'

/** Starts a captcha: a script for pages, and one call for servers. */
export async function startCaptcha<Solution>(options: CaptchaOptions<Solution>): Promise<CaptchaSimulator<Solution>> {
  const { clock, port, solve, script, judge } = options
  const bent: Record<string, unknown> = {}
  const simulator = await startSimulator({
    clock,
    port,
    pages: [scriptPath],
    handle(request, refuse) {
      if (request.method !== 'GET' || request.path !== scriptPath) {
        return judge(request, refuse?.code, (verdict) => ({ ...verdict, ...bent }))
      }
      return { status: 200, headers: { 'content-type': 'text/javascript' }, body: script(solve()) }
    },
  })
  return Object.assign(simulator, { scriptUrl: `${simulator.url}${scriptPath}`, solve, bent })
}
