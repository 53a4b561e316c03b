import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { otherVariables } from '../../src/config/setting-names.ts'
import { settingsTable } from '../../src/config/settings-table.ts'
import { pageAt } from '../docs/markdown.ts'
import { root, textOf } from '../stack/compose-file.ts'
import { idOf, podSpecOf } from './objects.ts'
import { find, folders, ofGuide, rendered, renderedOf } from './rendered.ts'
import { objectFaults } from './schemas.ts'

const page = pageAt('docs/kubernetes.md')
const everything = folders.flatMap((folder) => rendered(folder))
const unique = (pattern: RegExp) => [...new Set([...page.text.matchAll(pattern)].map(([whole, part]) => part ?? whole))]

describe('the guide to Kubernetes', () => {
  test.each(ofGuide.map((kustomization, index) => [index + 1, kustomization] as const))(
    'shows a kustomization, number %i, that renders',
    (_number, kustomization) => {
      const objects = renderedOf(kustomization)
      expect(objects.flatMap((object) => objectFaults(object).map((fault) => `${idOf(object)}: ${fault}`))).toEqual([])
      const changed = JSON.stringify(objects)
      for (const { newName, newTag } of kustomization.images ?? []) expect(changed).toContain(`"${newName}:${newTag}"`)
      for (const { literals = [] } of kustomization.configMapGenerator ?? [])
        for (const literal of literals) expect(changed).toContain(literal.replace('=', '":"'))
      for (const { pairs } of kustomization.labels ?? [])
        for (const object of objects) expect(object.metadata.labels).toMatchObject(pairs)
    },
  )

  test('names only folders and files that are there', () => {
    const paths = unique(/(?<![\w/.-])((?:deploy|dashboards|prometheus)\/[\w./-]*\w)/g)
    expect(paths.length).toBeGreaterThan(8)
    expect(paths.filter((path) => !existsSync(join(root, path)))).toEqual([])
  })

  test('names only variables that something reads', () => {
    const known = new Set([...settingsTable.flatMap(({ variable }) => [variable, `${variable}_FILE`]), ...otherVariables])
    const ofAlloy = textOf('deploy/alloy/edge/config.alloy')
    const named = unique(/\b(?:ENGINESCOPE|LOKI|LOG|TRAIN)_[A-Z_]+[A-Z]\b/g)
    expect(named.filter((name) => !known.has(name) && !ofAlloy.includes(`"${name}"`))).toEqual([])
  })

  test('names Secrets, Services, ports and labels as the manifests have them', () => {
    const mounted = everything
      .flatMap((object) => podSpecOf(object)?.volumes ?? [])
      .flatMap(({ secret }) => secret?.secretName ?? [])
    expect(unique(/create secret generic ([\w-]+)/g).sort()).toEqual([...new Set(mounted)].sort())
    const reports = find(everything, 'Service', 'enginescope-reports')
    expect(page.text).toContain(`http://${reports.metadata.name}.${reports.metadata.namespace}:${reports.spec?.ports?.[0]?.port}`)
    expect(JSON.stringify(find(everything, 'Service', 'enginescope-edge'))).toContain('"nodePort":30717')
    expect(page.text).toContain('port 30717')
    expect(find(everything, 'DaemonSet', 'alloy-edge').metadata.namespace).toBe('enginescope-edge')
  })
})
