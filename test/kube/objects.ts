/** Objects of Kubernetes as far as the tests look into them; {@link objectFaults} of schemas.ts keeps everything else out. */
type Text = string
type Labels = Readonly<Record<Text, Text>>

export type Volume = {
  readonly name: string
  readonly configMap?: { name: string }
  readonly secret?: { readonly secretName: string }
  readonly hostPath?: { readonly path: string }
  readonly emptyDir?: object
}

type Probe = {
  readonly httpGet?: { readonly path: string; readonly port: string }
  readonly tcpSocket?: { readonly port: string }
}

export type Container = {
  readonly name: string
  image: string
  readonly args?: readonly string[]
  readonly ports?: readonly { readonly name: string; readonly containerPort: number }[]
  readonly envFrom?: readonly { readonly configMapRef?: { name: string } }[]
  readonly volumeMounts?: readonly { readonly name: string; readonly mountPath: string }[]
  readonly startupProbe?: Probe
  readonly livenessProbe?: Probe
  readonly readinessProbe?: Probe
  readonly resources?: { readonly requests?: Labels; readonly limits?: Labels }
  readonly securityContext?: Readonly<Record<string, unknown>>
}

export type PodSpec = {
  readonly serviceAccountName?: string
  readonly enableServiceLinks?: boolean
  readonly automountServiceAccountToken?: boolean
  readonly securityContext?: Readonly<Record<string, unknown>>
  readonly containers: readonly Container[]
  readonly volumes?: readonly Volume[]
}

type Selector = { readonly matchLabels?: Labels }

export type KubeObject = {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: {
    readonly name: string
    readonly namespace?: string
    readonly labels?: Labels
    readonly annotations?: Labels
  }
  readonly data?: Labels
  readonly subjects?: readonly { readonly kind: string; readonly name: string; readonly namespace?: string }[]
  readonly roleRef?: { readonly kind: string; readonly name: string }
  readonly rules?: readonly {
    readonly apiGroups: readonly string[]
    readonly resources: readonly string[]
    readonly verbs: readonly string[]
  }[]
  readonly spec?: {
    readonly replicas?: number
    readonly serviceName?: string
    readonly selector?: Selector | Labels
    readonly podSelector?: Selector
    readonly template?: { readonly metadata: { readonly labels: Labels }; readonly spec: PodSpec }
    readonly volumeClaimTemplates?: readonly { readonly metadata: { readonly name: string } }[]
    readonly ports?: readonly { readonly name: string; readonly port: number; readonly targetPort: string }[]
    readonly ingress?: readonly {
      readonly from?: readonly { readonly podSelector: Selector }[]
      readonly ports: readonly { readonly port: string }[]
    }[]
    readonly jobLabel?: string
    readonly endpoints?: readonly Endpoint[]
    readonly groups?: readonly unknown[]
  }
}

type Relabeling = Readonly<{
  action: string
  sourceLabels?: readonly string[]
  regex?: string
  targetLabel?: string
  replacement?: string
}>

export type Endpoint = {
  readonly port: string
  readonly honorLabels?: boolean
  readonly interval: string
  readonly relabelings?: readonly Relabeling[]
  readonly metricRelabelings?: readonly Relabeling[]
}

/** The pod that a Deployment, StatefulSet or DaemonSet makes. */
export const podSpecOf = (object: KubeObject): PodSpec | undefined => object.spec?.template?.spec

/** `kind namespace/name`, by which an object is known. */
export function idOf({ kind, metadata }: KubeObject): string {
  return `${kind} ${metadata.namespace === undefined ? '' : `${metadata.namespace}/`}${metadata.name}`
}

/** The labels that a selector of whatever kind asks for. */
export function wantedBy(selector: Selector | Labels | undefined): Labels {
  if (selector === undefined) return {}
  return 'matchLabels' in selector && typeof selector.matchLabels === 'object' ? selector.matchLabels : (selector as Labels)
}

export function fits(labels: Labels | undefined, wanted: Labels): boolean {
  return Object.entries(wanted).every(([label, value]) => labels?.[label] === value)
}
