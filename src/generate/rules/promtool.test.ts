import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, test } from 'vitest'
import type { Alert } from '../../catalogue/alerts/alert.ts'
import { type RuleGroup, ruleGroups } from '../../catalogue/alerts/groups.ts'
import { defaultRuleOptions } from '../../catalogue/alerts/options.ts'
import { caseFiles } from './cases/index.ts'
import { ruleFile } from './rule-file.ts'

const shipped = fileURLToPath(new URL('../../../prometheus/', import.meta.url))
const hasPromtool = spawnSync('promtool', ['--version']).error === undefined
const folder = mkdtempSync(join(tmpdir(), 'enginescope-rules-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Runs the shipped tests of alerts against rules that somebody has changed. @returns titles of the tests that fail */
function failuresWith(name: string, change: (alert: Alert) => Alert): string {
  const at = join(folder, name)
  mkdirSync(join(at, 'rules'), { recursive: true })
  cpSync(join(shipped, 'tests'), join(at, 'tests'), { recursive: true })
  for (const group of ruleGroups(defaultRuleOptions)) {
    const changed: RuleGroup = { ...group, alerts: group.alerts.map(change) }
    const { path, text } = ruleFile(changed, defaultRuleOptions)
    writeFileSync(join(at, path.replace('prometheus/', '')), text)
  }
  const files = readdirSync(join(at, 'tests')).filter((file) => !/records|healthy/.test(file))
  const done = spawnSync('promtool', ['test', 'rules', ...files], { cwd: join(at, 'tests'), encoding: 'utf8' })
  return done.stdout + done.stderr
}

const tried = caseFiles.flatMap((file) => file.alerts ?? []).map(({ alert }) => alert)

/** Later by a minute than it is written. */
function slower(alert: Alert): Alert {
  const amount = Number.parseInt(alert.for, 10) * (alert.for.endsWith('h') ? 60 : 1)
  return { ...alert, for: `${amount + 1}m` }
}

/** Sooner by a minute; what fires at once cannot. */
function faster(alert: Alert): Alert {
  const amount = Number.parseInt(alert.for, 10) * (alert.for.endsWith('h') ? 60 : 1)
  return { ...alert, for: `${Math.max(amount - 1, 0)}m` }
}

describe.skipIf(!hasPromtool)('the tests of alerts (skipped where promtool is not installed)', () => {
  test('notice each alert that fires a minute late', { timeout: 120_000 }, () => {
    const failures = failuresWith('late', slower)
    for (const alert of new Set(tried)) expect(failures).toContain(`${alert}: silent at`)
  })

  test('notice each alert that fires a minute early', { timeout: 120_000 }, () => {
    const failures = failuresWith('early', faster)
    const atOnce = new Set(
      ruleGroups(defaultRuleOptions).flatMap(({ alerts }) =>
        alerts.filter((alert) => alert.for === '0m').map(({ name }) => name),
      ),
    )
    for (const alert of new Set(tried)) expect(failures.includes(`${alert}: silent at`), alert).toBe(!atOnce.has(alert))
  })
})
