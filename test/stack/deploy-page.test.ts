import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { otherVariables } from '../../src/config/setting-names.ts'
import { settingsTable } from '../../src/config/settings-table.ts'
import { composeOf, root, textOf } from './compose-file.ts'
import { checkConfig, hasPromtool } from './promtool.ts'

const page = textOf('docs/deploy.md')
const compose = textOf('docker-compose.yml')
const { services } = composeOf(['docker-compose.yml'])
const blocks = (language: string) =>
  [...page.matchAll(new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``, 'g'))].map(([, text]) => String(text))
const yamlBlocks = blocks('yaml').map((text) =>
  parse(text, { customTags: [{ tag: '!reset', collection: 'map', resolve: (value: unknown) => value }] }),
)
const [overrides, scrapes] = [yamlBlocks.filter((block) => block.services), yamlBlocks.filter((block) => block.scrape_configs)]

describe('the page about deployment', () => {
  test.each([...page.matchAll(/\]\((?!http)([^)#]*)(#[^)]*)?\)/g)].map(([, path = '', anchor = '']) => [path, anchor]))(
    'links to %s%s, which is there',
    (path, anchor) => {
      if (path !== '') expect(existsSync(join(root, 'docs', path))).toBe(true)
      const headings = [...page.matchAll(/^#+ (.+)$/gm)].map(
        ([, heading = '']) => `#${heading.toLowerCase().replaceAll(' ', '-')}`,
      )
      // Anchors on other pages are looked up by test/docs/links.test.ts.
      if (path === '') expect(headings).toContain(anchor)
    },
  )

  test('names only variables that something reads', () => {
    const known = settingsTable.flatMap(({ variable }) => [variable, `${variable}_FILE`])
    // Of the tests, of Compose itself, and of Docker's builds.
    const others = ['ENGINESCOPE_TEST_IMAGE', ...otherVariables]
    const named = new Set(
      [...page.matchAll(/\b(?:ENGINESCOPE|GRAFANA|PROMETHEUS|ALERTMANAGER|ENGINE|LOKI)_[A-Z_]+\b/g)].map(([name]) => name),
    )
    const read = (name: string) =>
      known.includes(name) ||
      others.includes(name) ||
      compose.includes(name) ||
      textOf('deploy/compose/secure.yml').includes(name)
    expect([...named].filter((name) => !read(name))).toEqual([])
  })

  test('overrides services that there are, with settings that there are', () => {
    expect(overrides.length).toBeGreaterThanOrEqual(3)
    for (const override of overrides) {
      for (const [name, { environment = {} }] of Object.entries<{ environment?: object }>(override.services)) {
        expect(services).toHaveProperty(name)
        const known = settingsTable.flatMap(({ variable, hasFile }) => (hasFile ? [variable, `${variable}_FILE`] : [variable]))
        expect(Object.keys(environment).filter((key) => !known.includes(key))).toEqual([])
      }
    }
  })

  test.runIf(hasPromtool)(
    'shows a way to scrape that Prometheus takes, under the name that alerts ask for (skipped where promtool is not installed)',
    () => {
      expect(scrapes.map(({ scrape_configs: [job] }) => [job.job_name, job.honor_labels])).toEqual([['enginescope', true]])
      const folder = mkdtempSync(join(tmpdir(), 'enginescope-page-'))
      try {
        writeFileSync(join(folder, 'p.yml'), blocks('yaml').find((text) => text.includes('scrape_configs')) ?? '')
        const { status, output } = checkConfig(join(folder, 'p.yml'))
        expect(status, output).toBe(0)
      } finally {
        rmSync(folder, { recursive: true, force: true })
      }
    },
  )

  test('tells images and volumes as they are', () => {
    for (const [name, { image }] of Object.entries(services)) expect(page, image).toContain(`\`${name}\``)
    expect(page).toContain(services['redis']?.image)
    expect(page).toContain('enginescope_redis-data')
    expect(compose).toContain('name: enginescope')
  })

  test('has commands that a shell can read', () => {
    for (const script of blocks('sh')) {
      const { status, stderr } = spawnSync('bash', ['-n'], { input: script.replaceAll(/<[^>]+>/g, 'x'), encoding: 'utf8' })
      expect(status, stderr).toBe(0)
    }
  })
})
