import { ConfigError, type LoadedConfig } from '../config/config.ts'
import type { CommandContext } from './command.ts'
import { checkCaptcha } from './doctor-captcha.ts'
import { type Finding, fail, ok, reasonOf, warn } from './doctor-checks.ts'
import { checkConnections } from './doctor-connections.ts'
import { checkNumberCheck } from './doctor-number-check.ts'
import { checkOneTap } from './doctor-one-tap.ts'
import { checkPlaces } from './doctor-places.ts'
import { checkSms } from './doctor-sms.ts'
import { checkStores } from './doctor-stores.ts'
import { configOf } from './open-core.ts'
import { cellText, printJson } from './output.ts'

/** `doctor`: looks at everything, changes nothing, and says what to do. */
export async function doctor(context: CommandContext): Promise<number> {
  const findings = await examine(context)
  const failed = findings.filter(({ status }) => status === 'fail').length
  const { flags, stdout } = context
  if (flags['json'] === true) printJson(stdout, { ok: failed === 0, checks: findings })
  else stdout.write(report(findings, failed))
  return failed === 0 ? 0 : 1
}

async function examine(context: CommandContext): Promise<Finding[]> {
  let loaded: LoadedConfig
  try {
    loaded = configOf(context)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    const advice = 'mend it, then run: menshen config check'
    return error.problems.map(({ path, message }) =>
      fail('configuration', [path, message].filter(Boolean).join(': '), advice),
    )
  }
  const { config, warnings } = loaded
  const unfit = warnings.map(({ setting, line }) => warn('production', line, `set ${setting}`))
  const { findings, keyIds } = await checkStores(config).catch((error) => ({
    findings: [unexamined('stores', error)],
    keyIds: undefined,
  }))
  const [places, sms, connections, oneTap, captcha, numbers] = await Promise.all([
    checkPlaces(config, keyIds).catch((error) => [unexamined('places', error)]),
    checkSms(config).catch((error) => [unexamined('sms', error)]),
    checkConnections(config).catch((error) => [unexamined('connections', error)]),
    checkOneTap(config).catch((error) => [unexamined('one_tap', error)]),
    checkCaptcha(config).catch((error) => [unexamined('captcha', error)]),
    checkNumberCheck(config).catch((error) => [unexamined('phone.carrier_check', error)]),
  ])
  const vendors = [...sms, ...connections, ...oneTap, ...captcha, ...numbers]
  return [ok('configuration', 'is valid'), ...findings, ...places, ...vendors, ...unfit]
}

/** What nobody foresaw must not hide what was found elsewhere. */
function unexamined(name: string, error: unknown): Finding {
  return fail(name, reasonOf(error), 'could not be looked at; see above and the log of that part')
}

const words = { ok: 'ok  ', todo: 'todo', warn: 'warn', fail: 'FAIL' } as const

function report(findings: readonly Finding[], failed: number): string {
  const width = Math.max(...findings.map(({ name }) => name.length))
  const lines = findings.flatMap(({ name, status, detail, advice }) => [
    `${words[status]}  ${name.padEnd(width)}  ${cellText(detail)}`,
    ...(advice === undefined ? [] : [`${' '.repeat(width + 8)}-> ${cellText(advice)}`]),
  ])
  const count = (wanted: Finding['status']) => findings.filter(({ status }) => status === wanted).length
  const unseen = count('todo')
  const consoles = unseen === 0 ? '' : `, ${unseen} only a person at a console can tell`
  return `${lines.join('\n')}\n${failed} failed, ${count('warn')} to look at${consoles}\n`
}
