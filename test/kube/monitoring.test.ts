import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { clusterSeries, podLabels, sednaGroup, sednaResources } from '../../src/catalogue/kube/index.ts'
import { root, textOf } from '../stack/compose-file.ts'
import { fits, type KubeObject, podSpecOf, wantedBy } from './objects.ts'
import { besideAnother, find, rendered, renderedOf } from './rendered.ts'

const objects = rendered('deploy/kubernetes/overlays/sedna')
const monitor = (name: string) => find(objects, 'ServiceMonitor', name).spec?.endpoints?.[0]
const argsOf = (among: readonly KubeObject[]) =>
  podSpecOf(find(among, 'Deployment', 'kube-state-metrics-sedna'))?.containers[0]?.args ?? []
const flag = (name: string) =>
  argsOf(objects)
    .find((arg) => arg.startsWith(`--${name}=`))
    ?.slice(name.length + 3)
const below = (folder: string, ending: string) => readdirSync(join(root, folder)).filter((name) => name.endsWith(ending))

describe('the rules of the operator', () => {
  test('are those of prometheus/rules, group by group', () => {
    const files = below('prometheus/rules', '.yml').map((name) => parse(textOf(`prometheus/rules/${name}`)).groups)
    const groups = find(objects, 'PrometheusRule', 'enginescope').spec?.groups ?? []
    const byName = (list: readonly unknown[]) =>
      [...list].sort((a, b) => (String(Object(a).name) < String(Object(b).name) ? -1 : 1))
    expect(groups.length).toBeGreaterThan(0)
    expect(byName(groups)).toEqual(byName(files.flat()))
  })
})

describe('the monitors', () => {
  test('are all found by the label that the Prometheus of the stack looks for, and so are the rules', () => {
    const ofOperator = objects.filter(({ apiVersion }) => apiVersion === 'monitoring.coreos.com/v1')
    expect(ofOperator.map(({ kind }) => kind).sort()).toEqual([
      'PodMonitor',
      'PrometheusRule',
      'ServiceMonitor',
      'ServiceMonitor',
    ])
    for (const { metadata } of ofOperator) expect(metadata.labels).toHaveProperty('release', 'kube-prometheus-stack')
  })

  test.each([
    ['enginescope', 'enginescope', 'enginescope'],
    ['enginescope-kube-state-metrics', 'kube-state-metrics-sedna', 'kube-state-metrics'],
  ])('%s finds one Service, by a port that it names, under the job that rules ask for', (name, service, job) => {
    const { spec } = find(objects, 'ServiceMonitor', name)
    const services = objects.filter((one) => one.kind === 'Service' && fits(one.metadata.labels, wantedBy(spec?.selector)))
    expect(services.map(({ metadata }) => metadata.name)).toEqual([service])
    expect(services[0]?.spec?.ports?.map((port) => port.name)).toContain(spec?.endpoints?.[0]?.port)
    expect(services[0]?.metadata.labels?.[spec?.jobLabel ?? '']).toBe(job)
  })

  test('leave series the labels that they have, and add none that would make another series of them', () => {
    for (const name of ['enginescope', 'enginescope-kube-state-metrics']) {
      expect(monitor(name)?.honorLabels).toBe(true)
      const dropped = new RegExp(`^(?:${monitor(name)?.relabelings?.find(({ action }) => action === 'labeldrop')?.regex})$`)
      for (const label of ['namespace', 'pod', 'container', 'service', 'endpoint']) expect(dropped.test(label), label).toBe(true)
      for (const label of ['job', 'instance', '__address__']) expect(dropped.test(label), label).toBe(false)
    }
  })

  test('free shared series of their instance as prometheus.yml does', () => {
    const shipped = parse(textOf('prometheus/prometheus.yml')).scrape_configs[0].metric_relabel_configs
    const said = monitor('enginescope')?.metricRelabelings?.map((rule) => ({
      source_labels: rule.sourceLabels,
      regex: rule.regex,
      target_label: rule.targetLabel,
      replacement: rule.replacement,
    }))
    expect(said).toEqual(shipped)
  })

  test('of pods take those of Sedna in the cloud alone', () => {
    expect(find(objects, 'PodMonitor', 'sedna').spec).toMatchObject({
      namespaceSelector: { matchNames: ['sedna'] },
      selector: { matchExpressions: [{ key: 'sedna', operator: 'In', values: ['gm', 'kb'] }] },
      podMetricsEndpoints: [{ port: 'metrics' }],
    })
  })
})

describe('kube-state-metrics', () => {
  test('is given the configuration that is made from the catalogue, where it looks for it', () => {
    const [container] = podSpecOf(find(objects, 'Deployment', 'kube-state-metrics-sedna'))?.containers ?? []
    const path = `${container?.volumeMounts?.[0]?.mountPath}/custom-resource-state.yaml`
    expect(flag('custom-resource-state-config-file')).toBe(path)
    const { data } = find(objects, 'ConfigMap', 'sedna-custom-resource-state')
    expect(data).toEqual({ 'custom-resource-state.yaml': textOf('deploy/kube-state-metrics/custom-resource-state.yaml') })
  })

  test('shows the labels of pods and the series that the catalogue has, and no others', () => {
    expect(flag('metric-labels-allowlist')).toBe(`pods=[${podLabels.join(',')}]`)
    const names = Object.values(clusterSeries)
      .filter(({ by }) => by === 'kube-state-metrics')
      .map(({ name }) => name)
    expect(flag('metric-allowlist')?.split(',').sort()).toEqual(['kube_sedna_.*', ...names].sort())
  })

  test('may list and watch what it shows, and nothing more', () => {
    const rules = find(objects, 'ClusterRole', 'kube-state-metrics-sedna').rules ?? []
    expect(rules.every(({ verbs }) => verbs.join() === 'list,watch')).toBe(true)
    const may = rules.flatMap(({ apiGroups, resources }) => resources.map((resource) => `${apiGroups.join()}/${resource}`))
    const own = sednaResources.map(({ plural }) => `${sednaGroup.group}/${plural}`)
    expect(may).toEqual([...own, 'apiextensions.k8s.io/customresourcedefinitions', '/pods', 'batch/jobs'])
    expect(flag('resources')).toBe('pods,jobs')
  })

  test('beside another shows custom resources alone, and may read nothing else', () => {
    const beside = renderedOf(besideAnother)
    expect(argsOf(beside)).toContain('--custom-resource-state-only=true')
    expect(argsOf(beside).filter((arg) => /allowlist|--resources/.test(arg))).toEqual([])
    const groups = find(beside, 'ClusterRole', 'kube-state-metrics-sedna').rules?.map(({ apiGroups }) => apiGroups.join())
    expect(groups).toEqual([sednaGroup.group, 'apiextensions.k8s.io'])
  })
})

describe('the dashboards', () => {
  const maps = rendered('dashboards')

  test('are a ConfigMap each, found by its label, in the folder that they have here', () => {
    const folders = readdirSync(join(root, 'dashboards'), { withFileTypes: true }).filter((entry) => entry.isDirectory())
    const files = folders.flatMap(({ name }) => below(`dashboards/${name}`, '.json').map((file) => `${name}/${file}`))
    const said = maps.map(({ metadata, data }) => `${metadata.annotations?.['grafana_folder']}/${Object.keys(data ?? {}).join()}`)
    expect(said.sort()).toEqual(files.sort())
    for (const { metadata } of maps) expect(metadata.labels).toEqual({ grafana_dashboard: '1' })
  })

  test('keep their uid, so that links go on leading to them', () => {
    for (const { metadata, data = {} } of maps) {
      const [text = ''] = Object.values(data)
      expect(JSON.parse(text).uid).toBe(metadata.name)
      expect(
        readFileSync(join(root, 'dashboards', String(metadata.annotations?.['grafana_folder']), `${metadata.name}.json`), 'utf8'),
      ).toBe(text)
    }
  })
})
