import { describe, expect, test } from 'vitest'
import { families } from '../families.ts'
import { select } from '../select.ts'
import { clusterSeries, kubeSeries, podLabels, sednaResources, sednaSeries } from './index.ts'

describe.each(kubeSeries.map((series) => [series.name, series] as const))('%s', (_name, series) => {
  test('has a help of one sentence that needs no escaping', () => {
    expect(series.help).toMatch(/^[A-Z0-9][^\n"\\]*\.$/)
  })

  test('has each label once, and lists values only for labels that it has', () => {
    expect(new Set(series.labels).size).toBe(series.labels.length)
    for (const label of Object.keys(series.values ?? {})) expect(series.labels).toContain(label)
  })
})

describe('the series of the cluster', () => {
  test('share no name with each other, nor with a family of ours', () => {
    const names = [...kubeSeries, ...Object.values(families)].map(({ name }) => name)
    expect(new Set(names).size).toBe(names.length)
  })

  test('carry the labels by which a resource is known, its own and those of its states', () => {
    expect(sednaSeries.incrementalLearning.status_condition).toMatchObject({
      name: 'kube_sedna_incrementallearningjob_status_condition',
      labels: expect.arrayContaining(['namespace', 'name', 'uid', 'customresource_kind', 'condition']),
      values: { condition: ['Waiting', 'Ready', 'Starting', 'Running', 'Completed', 'Failed'] },
    })
    expect(sednaSeries.dataset.status_samples.labels).not.toContain('name')
  })

  test('are chosen by labels and values that they have, or it does not compile', () => {
    const { status_phase: phase } = sednaSeries.federatedLearning
    expect(select(phase, { phase: 'Failed' }).text).toBe('kube_sedna_federatedlearningjob_status_phase{phase="Failed"}')
    // @ts-expect-error there is no such phase
    expect(select(phase, { phase: 'Faild' }).text).toContain('Faild')
    // @ts-expect-error there is no such label
    expect(select(phase, { stage: 'Train' }).text).toContain('Train')
  })

  test('show the labels of pods that kube-state-metrics is allowed to show, in its spelling', () => {
    const spelt = podLabels.map((label) => `label_${label.replace(/[^a-z0-9_]/g, '_')}`)
    expect(clusterSeries.podLabels.labels).toEqual(['namespace', 'pod', 'uid', ...spelt])
  })

  test('end in their unit', () => {
    const fields = sednaResources.flatMap((resource) => Object.entries(resource.fields))
    for (const [name, { unit }] of fields) {
      expect(name.endsWith('_info'), name).toBe(unit === 'info')
      expect(name.endsWith('_timestamp_seconds'), name).toBe(unit === 'timestamp')
      expect(name.endsWith('_ratio'), name).toBe(unit === 'ratio')
    }
  })
})
