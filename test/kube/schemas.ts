/** What each kind of object that deploy/ uses may say, from Kubernetes' API reference; only keys that are used. */
import { z } from 'zod'
import type { KubeObject } from './objects.ts'

const text = z.string().min(1)
const count = z.int().min(0)
const dnsName = z.string().regex(/^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/)
const labelValue = z.string().regex(/^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$/)
const labels = z.record(z.string().regex(/^([a-z0-9.-]+\/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/), labelValue)
const portName = z.string().regex(/^[a-z0-9-]{1,15}$/)
const quantity = z.string().regex(/^\d+(m|Ki|Mi|Gi)?$/)
const quantities = z.strictObject({ cpu: quantity.optional(), memory: quantity.optional() })
const portNumber = z.int().min(1).max(65_535)

const metadata = z.strictObject({
  name: dnsName,
  namespace: dnsName.optional(),
  labels: labels.optional(),
  annotations: z.record(text, z.string()).optional(),
})
const plainMeta = z.strictObject({ labels })
const matchLabels = z.strictObject({ matchLabels: labels })

const handler = {
  httpGet: z.strictObject({ path: z.string().startsWith('/'), port: portName }).optional(),
  tcpSocket: z.strictObject({ port: portName }).optional(),
  exec: z.strictObject({ command: z.array(text).min(1) }).optional(),
}
const probe = z.strictObject({
  ...handler,
  initialDelaySeconds: count.optional(),
  periodSeconds: count.optional(),
  timeoutSeconds: count.optional(),
  failureThreshold: count.optional(),
})

const container = z.strictObject({
  name: dnsName,
  image: z.string().regex(/^[a-z0-9.:/_-]+:[A-Za-z0-9._-]+$/),
  imagePullPolicy: z.enum(['IfNotPresent', 'Always', 'Never']).optional(),
  args: z.array(text).optional(),
  env: z
    .array(
      z.strictObject({
        name: text,
        valueFrom: z.strictObject({ fieldRef: z.strictObject({ fieldPath: z.literal('spec.nodeName') }) }),
      }),
    )
    .optional(),
  envFrom: z.array(z.strictObject({ configMapRef: z.strictObject({ name: dnsName }) })).optional(),
  ports: z.array(z.strictObject({ name: portName, containerPort: portNumber })).optional(),
  startupProbe: probe.optional(),
  livenessProbe: probe.optional(),
  readinessProbe: probe.optional(),
  lifecycle: z.strictObject({ preStop: z.strictObject({ exec: handler.exec.unwrap() }) }).optional(),
  resources: z.strictObject({ requests: quantities, limits: quantities }),
  securityContext: z.strictObject({
    runAsUser: count.optional(),
    allowPrivilegeEscalation: z.boolean(),
    readOnlyRootFilesystem: z.boolean(),
    capabilities: z.strictObject({ drop: z.array(text) }),
  }),
  volumeMounts: z
    .array(z.strictObject({ name: dnsName, mountPath: z.string().startsWith('/'), readOnly: z.boolean().optional() }))
    .optional(),
})

const volume = z.strictObject({
  name: dnsName,
  configMap: z.strictObject({ name: dnsName }).optional(),
  secret: z.strictObject({ secretName: dnsName }).optional(),
  emptyDir: z.strictObject({ sizeLimit: quantity }).optional(),
  hostPath: z.strictObject({ path: text, type: z.enum(['Directory', 'DirectoryOrCreate']) }).optional(),
})

const podSpec = z.strictObject({
  serviceAccountName: dnsName,
  automountServiceAccountToken: z.boolean(),
  enableServiceLinks: z.boolean(),
  terminationGracePeriodSeconds: count.optional(),
  nodeSelector: labels.optional(),
  tolerations: z.array(z.strictObject({ key: text, operator: z.literal('Exists'), effect: z.literal('NoSchedule') })).optional(),
  securityContext: z.strictObject({
    runAsNonRoot: z.boolean().optional(),
    runAsUser: count.optional(),
    runAsGroup: count.optional(),
    fsGroup: count.optional(),
    seccompProfile: z.strictObject({ type: z.literal('RuntimeDefault') }),
  }),
  topologySpreadConstraints: z
    .array(
      z.strictObject({
        maxSkew: count,
        topologyKey: text,
        whenUnsatisfiable: z.enum(['ScheduleAnyway', 'DoNotSchedule']),
        labelSelector: matchLabels,
      }),
    )
    .optional(),
  containers: z.array(container).min(1),
  volumes: z.array(volume).optional(),
})

const template = z.strictObject({ metadata: plainMeta, spec: podSpec })
const servicePort = z.strictObject({
  name: portName,
  port: portNumber,
  targetPort: portName,
  nodePort: z.int().min(30_000).max(32_767).optional(),
})
const policyPort = z.strictObject({ protocol: z.literal('TCP'), port: portName })
const relabeling = z.strictObject({
  action: z.enum(['labeldrop', 'replace']),
  sourceLabels: z.array(text).optional(),
  regex: text.optional(),
  targetLabel: text.optional(),
  replacement: z.string().optional(),
})
const endpoint = z.strictObject({
  port: portName,
  path: z.literal('/metrics'),
  interval: z.enum(['15s', '30s']),
  scrapeTimeout: text,
  honorLabels: z.literal(true),
  relabelings: z.array(relabeling),
  metricRelabelings: z.array(relabeling).optional(),
})
const rule = z.union([
  z.strictObject({ record: text, expr: text }),
  z.strictObject({ alert: text, expr: text, for: text, labels: z.record(text, text), annotations: z.record(text, text) }),
])

const bodies = {
  'v1 Namespace': {},
  'v1 ServiceAccount': { automountServiceAccountToken: z.boolean() },
  'v1 ConfigMap': { data: z.record(z.string().regex(/^[-._a-zA-Z0-9]+$/), z.string()) },
  'v1 Service': {
    spec: z.strictObject({
      type: z.literal('NodePort').optional(),
      clusterIP: z.literal('None').optional(),
      publishNotReadyAddresses: z.literal(true).optional(),
      selector: labels,
      ports: z.array(servicePort).min(1),
    }),
  },
  'apps/v1 Deployment': {
    spec: z.strictObject({
      replicas: count,
      selector: matchLabels,
      strategy: z.strictObject({
        type: z.enum(['RollingUpdate', 'Recreate']),
        rollingUpdate: z.strictObject({ maxUnavailable: count, maxSurge: count }).optional(),
      }),
      template,
    }),
  },
  'apps/v1 StatefulSet': {
    spec: z.strictObject({
      serviceName: dnsName,
      replicas: count,
      selector: matchLabels,
      template,
      volumeClaimTemplates: z.array(
        z.strictObject({
          metadata: z.strictObject({ name: dnsName }),
          spec: z.strictObject({
            accessModes: z.tuple([z.literal('ReadWriteOnce')]),
            resources: z.strictObject({ requests: z.strictObject({ storage: quantity }) }),
          }),
        }),
      ),
    }),
  },
  'apps/v1 DaemonSet': { spec: z.strictObject({ selector: matchLabels, template }) },
  'policy/v1 PodDisruptionBudget': { spec: z.strictObject({ maxUnavailable: count, selector: matchLabels }) },
  'networking.k8s.io/v1 NetworkPolicy': {
    spec: z.strictObject({
      podSelector: matchLabels,
      policyTypes: z.array(z.enum(['Ingress', 'Egress'])).min(1),
      ingress: z.array(
        z.strictObject({
          from: z.array(z.strictObject({ podSelector: matchLabels })).optional(),
          ports: z.array(policyPort).min(1),
        }),
      ),
    }),
  },
  'rbac.authorization.k8s.io/v1 ClusterRole': {
    rules: z.array(
      z.strictObject({
        apiGroups: z.array(z.string()).min(1),
        resources: z.array(text).min(1),
        verbs: z.array(z.enum(['get', 'list', 'watch'])).min(1),
      }),
    ),
  },
  'rbac.authorization.k8s.io/v1 ClusterRoleBinding': {
    roleRef: z.strictObject({ apiGroup: z.literal('rbac.authorization.k8s.io'), kind: z.literal('ClusterRole'), name: dnsName }),
    subjects: z.array(z.strictObject({ kind: z.literal('ServiceAccount'), name: dnsName, namespace: dnsName })).min(1),
  },
  'monitoring.coreos.com/v1 ServiceMonitor': {
    spec: z.strictObject({ jobLabel: text, selector: matchLabels, endpoints: z.array(endpoint).min(1) }),
  },
  'monitoring.coreos.com/v1 PodMonitor': {
    spec: z.strictObject({
      namespaceSelector: z.strictObject({ matchNames: z.array(dnsName) }),
      selector: z.strictObject({
        matchExpressions: z.array(z.strictObject({ key: text, operator: z.literal('In'), values: z.array(text) })),
      }),
      podMetricsEndpoints: z.array(z.strictObject({ port: portName, interval: text })),
    }),
  },
  'monitoring.coreos.com/v1 PrometheusRule': {
    spec: z.strictObject({ groups: z.array(z.strictObject({ name: text, interval: text, rules: z.array(rule).min(1) })).min(1) }),
  },
} as const satisfies Readonly<Record<string, z.ZodRawShape>>

/** What in an object Kubernetes would refuse, or pass over. */
export function objectFaults(object: KubeObject): string[] {
  const known: Readonly<Record<string, z.ZodRawShape>> = bodies
  const shape = known[`${object.apiVersion} ${object.kind}`]
  if (shape === undefined) return [`${object.apiVersion} ${object.kind} is no kind that is known here`]
  const whole = z.strictObject({ apiVersion: text, kind: text, metadata, ...shape })
  return (whole.safeParse(object).error?.issues ?? []).map(({ path, message }) => `${path.join('.')}: ${message}`)
}
