import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Dashboard } from '@grafana/grafana-foundation-sdk/dashboard'
import { describe, expect, test } from 'vitest'
import { parse as parseYaml } from 'yaml'
import { type DashboardEntry, dashboards } from '../../catalogue/dashboards.ts'
import { dashboardArtefacts, dashboardContribution, filledIn, panelQueries } from './index.ts'
import { pack } from './layout.ts'
import { catalogueFindings } from './lint/catalogue-rules.ts'
import { placeFindings } from './lint/place-rules.ts'
import { panelsOf, targetsOf, withValues } from './lint/rules.ts'
import { logqlFaults, promqlFaults } from './lint/syntax.ts'
import { placeholder } from './placeholder.ts'

const artefacts = dashboardArtefacts()
const pages = artefacts.map(({ text }) => JSON.parse(text) as Dashboard)
const entries: readonly DashboardEntry[] = Object.values(dashboards)
const queries = panelQueries()

describe('queries', () => {
  test.each(queries.filter(({ language }) => language === 'promql'))('$dashboard: $title is sound PromQL', ({ expression }) => {
    expect(promqlFaults(withValues(expression))).toEqual([])
  })

  test.each(queries.filter(({ language }) => language === 'logql'))('$dashboard: $title is sound LogQL', ({ expression }) => {
    expect(logqlFaults(withValues(expression))).toEqual([])
  })

  test('the catalogue has every series with every label, and own series are added up over replicas', () => {
    const promql = queries.filter(({ language }) => language === 'promql')
    expect(promql.flatMap(catalogueFindings)).toEqual([])
  })

  test.each([
    ['sum(enginescope_tasks_runing{job=~"$job"})', 'enginescope_tasks_runing is no series'],
    ['sum(enginescope_engines{job=~"$job",task="x"})', 'enginescope_engines has no label task'],
    ['sum by (task) (enginescope_engines{job=~"$job"})', 'enginescope_engines has no label task'],
    ['rate(enginescope_reports_total{job=~"$job"}[1m])', 'enginescope_reports_total is not added up over replicas'],
    ['up{job=~"$job"}', 'up is not added up over replicas'],
  ])('%s is objected to', (expression, finding) => {
    expect(catalogueFindings({ expression, from: 'panel' })).toEqual([finding])
  })

  test('every variable that a query names is a variable of its page, or one that Grafana fills in', () => {
    const known = ['__rate_interval', '__interval', '__range', '__auto']
    for (const { expression, variables } of queries)
      for (const [, name = ''] of expression.matchAll(/\$\{?(\w+)/g))
        expect([...Object.keys(variables), ...known]).toContain(name)
  })

  test.skipIf(spawnSync('promtool', ['--version']).error !== undefined)(
    'promtool takes every PromQL query as a rule (skipped where it is not installed)',
    () => {
      const folder = mkdtempSync(join(tmpdir(), 'enginescope-rules-'))
      try {
        const rules = queries
          .filter(({ language }) => language === 'promql')
          .map(({ expression }, index) => ({ record: `test:query:${index}`, expr: withValues(expression) }))
        writeFileSync(join(folder, 'rules.yml'), JSON.stringify({ groups: [{ name: 'queries', rules }] }))
        const answer = execFileSync('promtool', ['check', 'rules', join(folder, 'rules.yml')], { encoding: 'utf8' })
        expect(answer).toContain(`SUCCESS: ${rules.length} rules found`)
      } finally {
        rmSync(folder, { recursive: true })
      }
    },
  )
})

describe.each(pages)('$uid', (page) => {
  const panels = page.panels ?? []

  test('has the frame that all pages share', () => {
    expect(entries.find(({ uid }) => uid === page.uid)?.title).toBe(page.title)
    expect(page).toMatchObject({
      tags: ['enginescope'],
      editable: false,
      graphTooltip: 1,
      timezone: 'browser',
      schemaVersion: 39,
    })
    expect(['10s', '30s']).toContain(page.refresh)
    expect(page.time?.to).toBe('now')
    expect(page).not.toHaveProperty('__inputs')
    expect(page).not.toHaveProperty('id')
  })

  test('has the variables of the shared table, after the data sources', () => {
    const names = (page.templating.list ?? []).map(({ name }) => name)
    const own = names.filter((name) => !name.endsWith('_datasource') && name !== 'console_url')
    expect(own).toEqual(entries.find(({ uid }) => uid === page.uid)?.variables)
  })

  test('starts with for whom it is', () => {
    expect(panels[0]?.type).toBe('text')
    expect(JSON.stringify(panels[0])).toContain('**For who')
  })

  test('gives every panel a place of its own on the grid, and a number of its own', () => {
    expect(placeFindings(page)).toEqual([])
  })

  test('has on every panel a question as its description', () => {
    for (const { description } of panelsOf(page)) expect(description).toMatch(/^[A-Z].+[?.]$/)
  })

  test('has none of the leftovers that its library writes', () => {
    const text = JSON.stringify(page)
    expect(text).not.toContain('inControlsMenu')
    expect(text).not.toContain('auto_min')
    expect(text).not.toContain('auto_count')
    expect(text).not.toMatch(/"uid":"(?!\$|enginescope-)/)
    const links = panelsOf(page).flatMap(({ fieldConfig }) => fieldConfig?.defaults.links ?? [])
    for (const link of links) expect(Object.keys(link).sort()).toEqual(['targetBlank', 'title', 'url'])
  })

  test('leads only to pages and variables that are there', () => {
    const urls = [...JSON.stringify(page).matchAll(/"url":"([^"]+)"/g)].map(([, url = '']) => url)
    for (const url of urls.filter((one) => one.startsWith('/d/'))) {
      const [, uid, search = ''] = /^\/d\/([\w-]+)\?(.*)$/.exec(url) ?? []
      const target = entries.find((entry) => entry.uid === uid)
      expect(target).toBeDefined()
      const named = [...search.matchAll(/var-(\w+)=|\$\{(\w+):queryparam\}/g)].map(([, set, carried]) => set ?? carried)
      for (const name of named) expect(target?.variables).toContain(name)
      expect(search).toContain(placeholder('__url_time_range'))
    }
  })

  test('passes on labels only that the series has', () => {
    for (const panel of panelsOf(page)) {
      const wanted = [...JSON.stringify(panel).matchAll(/__(?:field\.labels|data\.fields)\.(\w+)/g)].map(
        ([, label = '']) => label,
      )
      for (const { expr } of targetsOf(panel))
        for (const label of wanted) expect(expr.includes(label) || !/\bby \(/.test(expr)).toBe(true)
    }
  })

  test('says the same text each time it is made', () => {
    const again = dashboardArtefacts().find(({ path }) => path.includes(String(page.uid)))?.text
    expect(again).toBe(artefacts.find(({ path }) => path.includes(String(page.uid)))?.text)
    expect(again?.endsWith('}\n')).toBe(true)
  })
})

test('every dashboard of the table is made', () => {
  expect(pages.map(({ uid }) => uid)).toEqual(entries.map(({ uid }) => uid))
})

test("the file of exceptions speaks the language of Grafana's linter", () => {
  const { artefacts: made, folders } = dashboardContribution()
  const file = made.find(({ path }) => path.endsWith('/.lint'))
  const { exclusions } = parseYaml(file?.text ?? '') as { exclusions: Record<string, { reason: string }> }
  for (const [rule, { reason }] of Object.entries(exclusions)) {
    expect(rule).toMatch(/-rule$/)
    expect(reason).toMatch(/\.$/)
  }
  expect(made.every(({ path }) => folders.some((folder) => path.startsWith(`${folder}/`)))).toBe(true)
})

test('a task type of the catalogue gets a row of its own with no further code', () => {
  const number = { name: 'words', help: 'Words counted.', type: 'counter', field: 'words', unit: 'count' } as const
  const states = { name: 'phase', help: 'What it does.', field: 'phase', label: 'phase', states: ['map', 'reduce'] } as const
  const type = { name: 'word_count', title: 'Word count', isBuiltIn: false, numbers: [number], states: [states], infos: [] }
  const made = panelQueries({ taskTypes: [type] }).filter(({ dashboard }) => dashboard === 'enginescope-ml')
  const expressions = made.map(({ expression }) => expression)
  expect(expressions.some((text) => text.includes('rate(enginescope_word_count_words'))).toBe(true)
  expect(expressions.some((text) => text.includes('enginescope_word_count_phase{'))).toBe(true)
  expect(expressions.some((text) => text.includes('task_type="word_count"'))).toBe(true)
})

test('a query is filled in as its data source gets it', () => {
  const query = {
    expression: `a{job=~"$job",job_id="$job_id"}[$__range] "$\{search:regex}" $other`,
    variables: { job: '.+', job_id: '', search: '' },
  }
  expect(filledIn(query, { job_id: '7', search: 'a.b' })).toBe('a{job=~".+",job_id="7"}[1h] "a\\.b" $other')
})

describe('the grid', () => {
  test.each([
    ['too far to the right', { gridPos: { x: 20, y: 9, w: 8, h: 1 }, id: 2 }, ['b sticks out']],
    ['on top of another', { gridPos: { x: 3, y: 1, w: 4, h: 4 }, id: 2 }, ['b lies on another']],
    ['with the number of another', { gridPos: { x: 0, y: 9, w: 4, h: 4 }, id: 1 }, ['b has no number of its own']],
  ])('a panel %s is objected to', (_, second, findings) => {
    const first = { type: 'stat', title: 'a', gridPos: { x: 0, y: 0, w: 4, h: 4 }, id: 1 }
    expect(placeFindings({ panels: [first, { type: 'stat', title: 'b', ...second }] })).toEqual(findings)
  })

  test('begins a new line below the tallest where a panel does not fit', () => {
    const sizes = [
      { width: 12, height: 4 },
      { width: 6, height: 8 },
      { width: 24, height: 2 },
    ]
    expect(pack(sizes, 3)).toEqual({
      places: [
        { x: 0, y: 3, w: 12, h: 4 },
        { x: 12, y: 3, w: 6, h: 8 },
        { x: 0, y: 11, w: 24, h: 2 },
      ],
      bottom: 13,
    })
  })

  test('has no place for what is wider than it', () => {
    expect(() => pack([{ width: 25, height: 1 }], 0)).toThrow(RangeError)
  })
})

describe('provisioning', () => {
  const read = (name: string) =>
    parseYaml(readFileSync(`dashboards/provisioning/${name}/enginescope.yml`, 'utf8')) as Record<string, never>

  test('makes data sources with fixed uids, whose lines lead to a page that is there', () => {
    const { prune, datasources } = read('datasources') as unknown as {
      prune: boolean
      datasources: { uid: string; type: string; url: string; jsonData: { derivedFields?: { url: string }[] } }[]
    }
    expect(prune).toBe(true)
    expect(datasources.map(({ uid, type }) => [uid, type])).toEqual([
      ['enginescope-prometheus', 'prometheus'],
      ['enginescope-loki', 'loki'],
      ['enginescope-alertmanager', 'alertmanager'],
    ])
    const [field] = datasources[1]?.jsonData.derivedFields ?? []
    expect(field?.url).toBe(`/d/${dashboards.task.uid}?var-job_id=$$\{__value.raw}`)
  })

  test('keeps the folder of the files and lets nobody save over them', () => {
    const { providers } = read('dashboards') as unknown as { providers: Record<string, unknown>[] }
    expect(providers).toMatchObject([{ allowUiUpdates: false, options: { foldersFromFilesStructure: true } }])
    expect(providers[0]).not.toHaveProperty('folder')
  })
})
