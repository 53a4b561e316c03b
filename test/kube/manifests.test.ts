import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { settingsTable } from '../../src/config/settings-table.ts'
import { composeOf, root } from '../stack/compose-file.ts'
import { render } from './kustomize.ts'
import { fits, idOf, type KubeObject, podSpecOf, wantedBy } from './objects.ts'
import { besideAnother, find, folders, inAnotherNamespace, rendered, renderedOf } from './rendered.ts'
import { objectFaults } from './schemas.ts'

const all = folders.map((folder) => [folder, rendered(folder)] as const)
const more = [
  ['beside another kube-state-metrics', renderedOf(besideAnother)],
  ['in another namespace', renderedOf(inAnotherNamespace)],
] as const
/** Made by hand, as docs/kubernetes.md says. */
const secretsByHand = ['enginescope-tokens', 'enginescope-redis']

const workloads = (objects: readonly KubeObject[]) => objects.filter((object) => podSpecOf(object) !== undefined)
const podLabelsOf = (object: KubeObject) => object.spec?.template?.metadata.labels

describe.each([...all, ...more])('%s', (_folder, objects) => {
  test('holds nothing that Kubernetes does not know', () => {
    expect(objects.length).toBeGreaterThan(4)
    expect(objects.flatMap((object) => objectFaults(object).map((fault) => `${idOf(object)}: ${fault}`))).toEqual([])
  })

  test('has each object once, each in a namespace that is there', () => {
    const ids = objects.map((object) => `${object.apiVersion} ${idOf(object)}`)
    expect(ids.filter((id, index) => ids.indexOf(id) !== index)).toEqual([])
    const namespaces = new Set(objects.map(({ metadata }) => metadata.namespace).filter((name) => name !== undefined))
    expect(namespaces.size).toBeLessThanOrEqual(1)
  })

  test('has selectors that find what they are for', () => {
    for (const object of objects) {
      const own = podLabelsOf(object)
      if (own !== undefined) expect(fits(own, wantedBy(object.spec?.selector)), idOf(object)).toBe(true)
      if (!['Service', 'NetworkPolicy', 'PodDisruptionBudget'].includes(object.kind)) continue
      const wanted = wantedBy(object.kind === 'NetworkPolicy' ? object.spec?.podSelector : object.spec?.selector)
      expect(Object.keys(wanted).length, idOf(object)).toBeGreaterThan(1)
      expect(workloads(objects).filter((one) => fits(podLabelsOf(one), wanted)).length, idOf(object)).toBe(1)
    }
  })

  test('names ports that the pods have', () => {
    for (const object of objects.filter(({ kind }) => kind === 'Service' || kind === 'NetworkPolicy')) {
      const wanted = wantedBy(object.kind === 'NetworkPolicy' ? object.spec?.podSelector : object.spec?.selector)
      const pods = workloads(objects).filter((one) => fits(podLabelsOf(one), wanted))
      const there = pods
        .flatMap((one) => podSpecOf(one)?.containers ?? [])
        .flatMap(({ ports = [] }) => ports.map(({ name }) => name))
      const asked = [
        ...(object.spec?.ports ?? []).map(({ targetPort }) => targetPort),
        ...(object.spec?.ingress ?? []).flatMap(({ ports }) => ports.map(({ port }) => port)),
      ]
      expect(asked.length).toBeGreaterThan(0)
      for (const port of asked) expect(there, `${idOf(object)} ${port}`).toContain(port)
    }
  })

  const has = (kind: string, name: string | undefined) => objects.some((one) => one.kind === kind && one.metadata.name === name)

  test('mounts every volume that it has, and no other', () => {
    for (const object of workloads(objects)) {
      const pod = podSpecOf(object)
      const mounts = pod?.containers.flatMap(({ volumeMounts = [] }) => volumeMounts.map(({ name }) => name)) ?? []
      const claims = object.spec?.volumeClaimTemplates?.map(({ metadata }) => metadata.name) ?? []
      const volumes = [...(pod?.volumes ?? []).map(({ name }) => name), ...claims]
      expect([...new Set(mounts)].sort(), idOf(object)).toEqual(volumes.sort())
    }
  })

  test('refers only to what is there, or is made by hand as the guide says', () => {
    const pods = workloads(objects).flatMap((object) => podSpecOf(object) ?? [])
    const volumes = pods.flatMap((pod) => pod.volumes ?? [])
    const settings = containersIn(objects).flatMap(({ envFrom = [] }) => envFrom.map(({ configMapRef }) => configMapRef?.name))
    const maps = [...volumes.flatMap(({ configMap }) => configMap?.name ?? []), ...settings]
    const services = objects.flatMap(({ spec }) => spec?.serviceName ?? [])
    expect(maps.filter((name) => !has('ConfigMap', name))).toEqual([])
    expect(pods.filter((pod) => !has('ServiceAccount', pod.serviceAccountName))).toEqual([])
    expect(services.filter((name) => !has('Service', name))).toEqual([])
    for (const { secret } of volumes) if (secret !== undefined) expect(secretsByHand).toContain(secret.secretName)
  })

  test('gives roles that are there to accounts that are there', () => {
    const accounts = objects
      .filter(({ kind }) => kind === 'ServiceAccount')
      .map(({ metadata }) => `${metadata.namespace}/${metadata.name}`)
    for (const { roleRef, subjects = [] } of objects) {
      if (roleRef !== undefined) expect(has(roleRef.kind, roleRef.name)).toBe(true)
      for (const { name, namespace } of subjects) expect(accounts).toContain(`${namespace}/${name}`)
    }
  })

  test('probes ports that the container has', () => {
    for (const { startupProbe, livenessProbe, readinessProbe, ports = [] } of containersIn(objects)) {
      for (const probe of [startupProbe, livenessProbe, readinessProbe]) {
        const port = probe?.httpGet?.port ?? probe?.tcpSocket?.port
        if (port !== undefined) expect(ports.map(({ name }) => name)).toContain(port)
      }
    }
  })

  test('runs without rights: not root, nothing to write on but its volumes, no capability, no token of the cluster', () => {
    for (const object of workloads(objects)) {
      const pod = podSpecOf(object)
      const isAtEdge = object.kind === 'DaemonSet'
      expect(pod?.securityContext?.['runAsNonRoot'] ?? false, idOf(object)).toBe(!isAtEdge)
      // Kubernetes would put ENGINESCOPE_PORT=tcp://... into the environment, for the Service of that name.
      expect(pod?.enableServiceLinks, idOf(object)).toBe(false)
      const needsCluster = objects.some(({ subjects = [] }) => subjects.some(({ name }) => name === pod?.serviceAccountName))
      expect(pod?.automountServiceAccountToken, idOf(object)).toBe(needsCluster)
      for (const container of pod?.containers ?? []) {
        expect(container.securityContext).toMatchObject({
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'] },
        })
        expect(container.resources?.limits).toHaveProperty('memory')
        expect(container.resources?.requests).toHaveProperty('memory')
      }
    }
  })

  test('keeps every object below the limits: 1 MiB for a ConfigMap, 256 KiB for what kubectl apply remembers of it', () => {
    for (const object of objects) expect(Buffer.byteLength(JSON.stringify(object)), idOf(object)).toBeLessThan(250_000)
  })
})

function containersIn(objects: readonly KubeObject[]) {
  return workloads(objects).flatMap((object) => podSpecOf(object)?.containers ?? [])
}

describe('the aggregator', () => {
  const single = rendered('deploy/kubernetes/overlays/single')
  const ha = rendered('deploy/kubernetes/overlays/ha')
  const [container] = podSpecOf(find(single, 'Deployment', 'enginescope'))?.containers ?? []

  test('is asked whether it is healthy and whether it is ready, and has the time that an orderly end takes', () => {
    expect(container?.livenessProbe?.httpGet?.path).toBe('/-/healthy')
    expect(container?.readinessProbe?.httpGet?.path).toBe('/-/ready')
    expect(podSpecOf(find(single, 'Deployment', 'enginescope'))).toMatchObject({ terminationGracePeriodSeconds: 30 })
  })

  test('is given only settings that it has', () => {
    const known = new Set(settingsTable.flatMap(({ variable }) => [variable, `${variable}_FILE`]))
    for (const objects of [single, ha, rendered('deploy/kubernetes/overlays/sedna')]) {
      const names = Object.keys(find(objects, 'ConfigMap', 'enginescope-settings').data ?? {})
      expect(names).toContain('ENGINESCOPE_HOST')
      expect(names.filter((name) => !known.has(name))).toEqual(['NODE_OPTIONS'])
    }
  })

  test('asks for tokens, by a file that is mounted', () => {
    const { ENGINESCOPE_AUTH_FILE: file = '', ENGINESCOPE_AUTH: auth } =
      find(single, 'ConfigMap', 'enginescope-settings').data ?? {}
    expect(auth).toBeUndefined()
    const mounts = container?.volumeMounts?.map(({ mountPath }) => mountPath) ?? []
    expect(mounts.some((mount) => file.startsWith(`${mount}/`))).toBe(true)
  })

  test('finds its Redis by the name of a Service, or by a Secret where others run it', () => {
    const { ENGINESCOPE_REDIS_URL: url = '' } = find(single, 'ConfigMap', 'enginescope-settings').data ?? {}
    const { hostname, port } = new URL(url)
    expect(find(single, 'Service', hostname).spec?.ports).toMatchObject([{ port: Number(port) }])
    expect(find(ha, 'ConfigMap', 'enginescope-settings').data).toMatchObject({
      ENGINESCOPE_REDIS_URL_FILE: '/etc/enginescope/redis/url',
      ENGINESCOPE_DURABILITY: 'ha',
    })
    expect(find(ha, 'Deployment', 'enginescope').spec?.replicas).toBe(3)
  })

  test('gets reports also while it is not ready, and everything else only when it is', () => {
    expect(find(single, 'Service', 'enginescope-reports').spec).toMatchObject({ publishNotReadyAddresses: true })
    expect(find(single, 'Service', 'enginescope').spec).not.toHaveProperty('publishNotReadyAddresses')
  })

  test('has the store, the agent and the image that the Compose file has', () => {
    const { services } = composeOf(['docker-compose.yml'])
    const imagesOf = (objects: readonly KubeObject[]) => containersIn(objects).map(({ image }) => image)
    expect(imagesOf(single).sort()).toEqual([services['redis']?.image, services['enginescope']?.image].sort())
    for (const folder of ['deploy/alloy/cloud', 'deploy/alloy/edge'] as const)
      expect(imagesOf(rendered(folder))).toEqual([services['alloy']?.image])
  })

  test('gives its Redis the safe settings of the Compose file', () => {
    const [redis] = podSpecOf(find(single, 'StatefulSet', 'enginescope-redis'))?.containers ?? []
    expect(redis?.args).toEqual(composeOf(['docker-compose.yml']).services['redis']?.command)
  })

  test('gets new pods when its settings change, and keeps them when nothing does', () => {
    const names = [single, ha].map((objects) => find(objects, 'ConfigMap', 'enginescope-settings').metadata.name)
    expect(new Set(names).size).toBe(2)
    expect(rendered('deploy/kubernetes/overlays/single')).toEqual(single)
  })
})

describe('the checks', () => {
  const [deployment] = workloads(rendered('deploy/kubernetes/overlays/single'))

  test('see a key that is misspelt and a kind that is unknown', () => {
    const misspelt = JSON.parse(JSON.stringify(deployment).replace('terminationGracePeriodSeconds', 'terminationGraceSeconds'))
    expect(objectFaults(misspelt)).toEqual(['spec.template.spec: Unrecognized key: "terminationGraceSeconds"'])
    expect(objectFaults({ ...misspelt, kind: 'Deploy' })).toEqual(['apps/v1 Deploy is no kind that is known here'])
  })

  test('refuse a rule of kustomize that they do not follow', () => {
    expect(() => renderedOf({ ...inAnotherNamespace, ...{ namePrefix: 'x-' } })).toThrow('namePrefix is not known')
  })

  test('see a resource without a kustomization', () => {
    expect(() => render(join(root, 'deploy'))).toThrow()
    expect(readFileSync(join(root, 'deploy/kubernetes/base/kustomization.yaml'), 'utf8')).toContain('kind: Kustomization')
  })
})
