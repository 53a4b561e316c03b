import { describe, expect, test } from 'vitest'
import { type Block, parseAlloy, type Value, valuesOf } from '../stack/alloy-syntax.ts'
import { textOf } from '../stack/compose-file.ts'
import { podSpecOf } from './objects.ts'
import { relabelled } from './relabel.ts'
import { find, rendered } from './rendered.ts'

const files = { cloud: 'deploy/alloy/cloud/config.alloy', edge: 'deploy/alloy/edge/config.alloy' } as const
const parsed = { cloud: parseAlloy(textOf(files.cloud)), edge: parseAlloy(textOf(files.edge)) }
const component = (where: keyof typeof files, name: string): Block =>
  parsed[where].blocks.find((block) => `${block.name}.${block.label}` === name) ?? expect.fail(`${name} is not there`)
const stages = (where: keyof typeof files, name: string) =>
  component(where, 'loki.process.sedna').blocks.filter((block) => block.name === `stage.${name}`)
const textIn = (value: Value | undefined): string => (value?.kind === 'text' ? value.text : '')
const textsIn = (block: Block | undefined) =>
  valuesOf(block ?? expect.fail()).flatMap((value) => (value.kind === 'text' ? [value.text] : []))

/** What each component and stage takes, as the reference of Alloy 1.18 has it; only what is used here. */
const known: Readonly<Record<string, readonly string[]>> = {
  'discovery.kubernetes': ['role'],
  'discovery.kubernetes > attach_metadata': ['node'],
  'discovery.relabel': ['targets'],
  'discovery.relabel > rule': ['source_labels', 'regex', 'replacement', 'target_label', 'action'],
  'local.file_match': ['path_targets', 'sync_period'],
  'loki.source.kubernetes': ['targets', 'forward_to'],
  'loki.source.file': ['targets', 'forward_to'],
  'loki.process': ['forward_to'],
  'loki.process > stage.cri': [],
  'loki.process > stage.multiline': ['firstline', 'max_wait_time', 'max_lines'],
  'loki.process > stage.regex': ['expression'],
  'loki.process > stage.template': ['source', 'template'],
  'loki.process > stage.labels': ['values'],
  'loki.process > stage.structured_metadata': ['values'],
  'loki.process > stage.label_drop': ['values'],
  'loki.process > stage.truncate': [],
  'loki.process > stage.truncate > rule': ['source_type', 'limit', 'suffix'],
  'loki.process > stage.label_keep': ['values'],
  'loki.write': ['max_streams'],
  'loki.write > wal': ['enabled', 'max_segment_age'],
  'loki.write > endpoint': ['url', 'tenant_id', 'max_backoff_period', 'max_backoff_retries'],
}

function unknownIn({ name, attributes, blocks }: Block, path = name): string[] {
  const names = known[path]
  if (names === undefined) return [path]
  const strange = [...attributes.keys()].filter((key) => !names.includes(key)).map((key) => `${path}.${key}`)
  return [...strange, ...blocks.flatMap((block) => unknownIn(block, `${path} > ${block.name}`))]
}

describe.each(['cloud', 'edge'] as const)('the Alloy of the %s', (where) => {
  const file = parsed[where]

  test('holds no block and no attribute that Alloy does not know', () => {
    expect(file.blocks.flatMap((block) => unknownIn(block))).toEqual([])
  })

  test('refers only to components that are there, and to what they hand out', () => {
    const names = new Map(file.blocks.map((block) => [`${block.name}.${block.label}`, block.name]))
    const handsOut = { 'discovery.kubernetes': 'targets', 'discovery.relabel': 'output', 'local.file_match': 'targets' }
    const references = valuesOf(file).flatMap((value) => (value.kind === 'reference' ? [value.path] : []))
    expect(references.length).toBeGreaterThan(3)
    for (const path of references) {
      const kind = names.get(path.slice(0, -1).join('.'))
      expect(kind, path.join('.')).toBeDefined()
      expect(path.at(-1)).toBe((handsOut as Readonly<Record<string, string>>)[kind ?? ''] ?? 'receiver')
    }
  })

  test('asks for nothing of its environment that the manifests do not give it', () => {
    const objects = rendered(`deploy/alloy/${where}`)
    const { data = {} } = find(objects, 'ConfigMap', where === 'cloud' ? 'alloy-sedna-settings' : 'alloy-edge-settings')
    const calls = valuesOf(file).flatMap((value) => (value.kind === 'call' && value.path.at(-1) === 'env' ? value.args : []))
    const asked = new Set(calls.map(textIn))
    expect([...asked].sort()).toEqual([...Object.keys(data), ...(where === 'edge' ? ['NODE_NAME'] : [])].sort())
  })

  test('writes the labels of reports and those of pods, all bounded, and ids as metadata alone', () => {
    const [metadata] = stages(where, 'structured_metadata')
    const values = metadata?.attributes.get('values')
    const ids = values?.kind === 'object' ? [...values.entries.keys()] : []
    expect(ids).toEqual(['job_id', 'task', 'pod', 'uid'])
    expect(textsIn(stages(where, 'label_drop')[0])).toEqual(ids)
    const ofReports = ['service_name', 'namespace', 'engine_type', 'task_type', 'level']
    expect(textsIn(stages(where, 'label_keep')[0])).toEqual([...ofReports, 'component', 'worker_type', 'container', 'node'])
    const order = component(where, 'loki.process.sedna').blocks.map(({ name }) => name.replace('stage.', ''))
    expect(order.slice(where === 'edge' ? 1 : 0)).toEqual(
      'multiline regex regex regex template labels structured_metadata label_drop truncate label_keep'.split(' '),
    )
    expect(order[0]).toBe(where === 'edge' ? 'cri' : 'multiline')
    expect(component(where, 'loki.write.loki').attributes.get('max_streams')).toMatchObject({ kind: 'number' })
  })

  test('treats lines as the other does', () => {
    const common = (place: keyof typeof files) =>
      JSON.stringify(
        component(place, 'loki.process.sedna')
          .blocks.filter(({ name }) => name !== 'stage.cri')
          .map((block) => textsIn(block)),
      )
    expect(common(where)).toBe(common('cloud'))
  })
})

const pod = (labels: Readonly<Record<string, string>>, name: string, more = {}) => {
  const given = Object.entries(labels).flatMap(([label, value]) => {
    const spelt = label.replace(/[^a-zA-Z0-9]/g, '_')
    return [
      [`__meta_kubernetes_pod_label_${spelt}`, value],
      [`__meta_kubernetes_pod_labelpresent_${spelt}`, 'true'],
    ]
  })
  return {
    ...Object.fromEntries(given),
    __meta_kubernetes_namespace: 'default',
    __meta_kubernetes_pod_name: name,
    __meta_kubernetes_pod_container_name: 'worker',
    __meta_kubernetes_pod_node_name: 'cloud',
    ...more,
  }
}
const worker = (kind: string, type: string) => ({
  [`${kind}.sedna.io/name`]: 'helmet',
  [`${kind}.sedna.io/worker-type`]: type,
  [`${kind}.sedna.io/uid`]: 'u-1',
})

describe('in the cloud', () => {
  const labelsOf = (target: Readonly<Record<string, string>>) => relabelled(component('cloud', 'discovery.relabel.sedna'), target)

  test.each([
    ['jointinferenceservice', 'cloud', 'joint_inference'],
    ['incrementallearningjob', 'train', 'incremental_learning'],
    ['federatedlearningjob', 'aggregation', 'federated_learning'],
  ])('a worker of a %s has the labels of its reports', (kind, type, taskType) => {
    expect(labelsOf(pod(worker(kind, type), 'helmet-x1'))).toEqual({
      service_name: 'sedna',
      engine_type: 'sedna',
      namespace: 'default',
      task_type: taskType,
      component: 'worker',
      worker_type: type,
      container: 'worker',
      node: 'cloud',
      job_id: 'helmet',
      task: 'helmet-x1',
      pod: 'helmet-x1',
      uid: 'u-1',
    })
  })

  test.each(['gm', 'lc', 'kb'])('a pod of %s is known by its label', (name) => {
    expect(labelsOf(pod({ sedna: name }, `${name}-x`))).toMatchObject({ component: name, task_type: 'generic' })
  })

  test('pods of others, and pods on nodes at the edge, are left alone', () => {
    expect(labelsOf(pod({ app: 'web' }, 'web-1'))).toBeUndefined()
    expect(labelsOf(pod({ sedna: 'other' }, 'x'))).toBeUndefined()
    const atEdge = { __meta_kubernetes_node_labelpresent_node_role_kubernetes_io_edge: 'true' }
    expect(labelsOf(pod({ sedna: 'lc' }, 'lc-1', atEdge))).toBeUndefined()
  })

  test('it may read pods, their logs, namespaces and the labels of nodes, and change nothing', () => {
    const { rules = [] } = find(rendered('deploy/alloy/cloud'), 'ClusterRole', 'alloy-sedna')
    expect(rules.flatMap(({ resources }) => resources)).toEqual(['pods', 'pods/log', 'namespaces', 'nodes'])
    expect(rules.every(({ verbs }) => verbs.join() === 'get,list,watch')).toBe(true)
  })
})

describe('at the edge', () => {
  const labelsAt = (path: string, trainType = 'federated_learning') => {
    const given = { __path__: path, service_name: 'sedna', engine_type: 'sedna', task_type: 'generic', node: 'edge1' }
    return relabelled(component('edge', 'discovery.relabel.sedna'), { ...given, train_type: trainType })
  }
  const logOf = (namespace: string, name: string) => `/var/log/pods/${namespace}_${name}_0f3a-52/worker/0.log`

  test('namespace, pod, container and worker come from the path', () => {
    expect(labelsAt(logOf('default', 'helmet-ji-edge-7c9f8d5b6-x2x4z'))).toMatchObject({
      namespace: 'default',
      pod: 'helmet-ji-edge-7c9f8d5b6-x2x4z',
      container: 'worker',
      node: 'edge1',
      component: 'worker',
      worker_type: 'edge',
      job_id: 'helmet-ji',
      task: 'helmet-ji-edge-7c9f8d5b6-x2x4z',
      task_type: 'joint_inference',
    })
  })

  test.each([
    ['helmet-il-eval-x2x4z', 'helmet-il', 'eval', 'incremental_learning'],
    ['helmet-il-inference-x2x4z', 'helmet-il', 'inference', 'incremental_learning'],
    ['defect-fl-aggregation-x2x4z', 'defect-fl', 'aggregation', 'federated_learning'],
    ['defect-fl-train-x2x4z', 'defect-fl', 'train', 'federated_learning'],
  ])('%s is a worker of %s', (name, job, type, taskType) => {
    expect(labelsAt(logOf('default', name))).toMatchObject({ job_id: job, worker_type: type, task_type: taskType })
  })

  test('the site says what its train workers are for, and a word that is no task type changes nothing', () => {
    expect(labelsAt(logOf('default', 'x-train-abcde'), 'incremental_learning')).toMatchObject({
      task_type: 'incremental_learning',
    })
    expect(labelsAt(logOf('default', 'x-train-abcde'), 'anything')).toMatchObject({ task_type: 'generic' })
  })

  test('a Local Controller is one, a pod of another kind is nobody, and the business of the node is left alone', () => {
    expect(labelsAt(logOf('sedna', 'lc-k8r2p'))).toMatchObject({ component: 'lc', task_type: 'generic' })
    const other = labelsAt(logOf('shop', 'web-1'))
    expect(other).not.toHaveProperty('worker_type')
    expect(other).not.toHaveProperty('component')
    expect(other).not.toHaveProperty('job_id')
    for (const namespace of ['kube-system', 'kubeedge', 'enginescope-edge'])
      expect(labelsAt(logOf(namespace, 'x'))).toBeUndefined()
  })

  test('no line is read again after a restart, and none is lost while Loki is away', () => {
    const wal = component('edge', 'loki.write.loki').blocks.find(({ name }) => name === 'wal')
    expect(wal?.attributes.get('enabled')).toMatchObject({ text: 'true' })
    const pods = podSpecOf(find(rendered('deploy/alloy/edge'), 'DaemonSet', 'alloy-edge'))
    const data = pods?.containers[0]?.volumeMounts?.find(({ name }) => name === 'data')?.mountPath
    expect(pods?.containers[0]?.args?.some((arg) => arg.startsWith(`--storage.path=${data}/`))).toBe(true)
    expect(pods?.volumes?.find(({ name }) => name === 'data')?.hostPath).toBeDefined()
  })
})

describe('of a line', () => {
  const firstline = new RegExp(textIn(stages('cloud', 'multiline')[0]?.attributes.get('firstline')))
  const expressions = stages('cloud', 'regex').map(
    ({ attributes }) => new RegExp(textIn(attributes.get('expression')).replaceAll('(?P<', '(?<')),
  )
  const groupsOf = (line: string) => Object.assign({}, ...expressions.map((one) => one.exec(line)?.groups ?? {}))

  test.each([
    ['I0105 08:00:00.123456       1 upstream.go:61] started', { letter: 'I' }],
    ['E0105 08:00:00.123456       1 upstream.go:61] failed', { letter: 'E' }],
    ['[2026-01-05 08:00:00,123] base.py(55) [WARNING] - slow', { word: 'WARNING' }],
    ['2026-01-05 08:00:00 [ERROR] no such file', { word: 'ERROR' }],
    ['Traceback (most recent call last):', { traceback: 'Traceback' }],
    ['epoch 3 loss 0.41', {}],
  ])('%s the level is found', (line, groups) => {
    expect(groupsOf(line)).toEqual(groups)
  })

  test('a traceback is one entry, from its head to the error', () => {
    const lines = [
      '[2026-01-05 08:00:00,123] base.py(55) [INFO] - begins',
      'Traceback (most recent call last):',
      '  File "/code/train.py", line 3, in <module>',
      '    main()',
      'ValueError: bad',
      'I0105 08:00:01.000000 1 a.go:1] next',
    ]
    expect(lines.map((line) => firstline.test(line))).toEqual([true, true, false, false, false, true])
  })

  test('each branch of the template for levels is closed', () => {
    const template = textIn(stages('cloud', 'template')[0]?.attributes.get('template'))
    const words = [...template.matchAll(/\{\{ (\w+)/g)].map(([, word]) => word)
    expect(words.filter((word) => word === 'if').length).toBe(words.filter((word) => word === 'end').length)
    expect([...template.matchAll(/\{\{/g)].length).toBe([...template.matchAll(/\}\}/g)].length)
  })
})
