import type { MetricUnit } from '../metric.ts'

/** Kinds whose workers are pods with the labels `<kind>.sedna.io/name` and `<kind>.sedna.io/worker-type`. */
const workerKinds = ['jointinferenceservice', 'incrementallearningjob', 'federatedlearningjob'] as const

/** Labels of pods that kube-state-metrics is allowed to show: `sedna` is gm, lc or kb, the others are those of workers. */
export const podLabels: readonly string[] = [
  'sedna',
  ...workerKinds.flatMap((kind) => [`${kind}.sedna.io/name`, `${kind}.sedna.io/worker-type`]),
]

const pod = ['namespace', 'pod', 'uid'] as const
const container = [...pod, 'container'] as const
const usage = ['namespace', 'pod', 'container', 'node'] as const

type ClusterSeries = {
  readonly name: string
  readonly help: string
  readonly unit: MetricUnit
  readonly labels: readonly string[]
  readonly group: 'fleet'
  readonly values?: Readonly<Record<string, readonly string[]>>
  /** Who writes it. */
  readonly by: 'kube-state-metrics' | 'kubelet'
}

/** Series of the cluster that dashboards and rules may ask for: those of kube-state-metrics itself and of the kubelet. */
export const clusterSeries = {
  podPhase: {
    name: 'kube_pod_status_phase',
    help: 'Phase of a pod: one series a phase, 1 for the present one.',
    unit: 'flag',
    labels: [...pod, 'phase'],
    values: { phase: ['Pending', 'Running', 'Succeeded', 'Failed', 'Unknown'] },
    group: 'fleet',
    by: 'kube-state-metrics',
  },
  podLabels: {
    name: 'kube_pod_labels',
    help: 'Labels of a pod, of those that are allowed; joined on namespace and pod it leaves the pods of Sedna.',
    unit: 'flag',
    labels: [
      ...pod,
      'label_sedna',
      'label_jointinferenceservice_sedna_io_name',
      'label_jointinferenceservice_sedna_io_worker_type',
      'label_incrementallearningjob_sedna_io_name',
      'label_incrementallearningjob_sedna_io_worker_type',
      'label_federatedlearningjob_sedna_io_name',
      'label_federatedlearningjob_sedna_io_worker_type',
    ],
    group: 'fleet',
    by: 'kube-state-metrics',
  },
  podInfo: {
    name: 'kube_pod_info',
    help: 'Where a pod is and what made it.',
    unit: 'info',
    labels: [...pod, 'node', 'host_ip', 'pod_ip', 'created_by_kind', 'created_by_name'],
    group: 'fleet',
    by: 'kube-state-metrics',
  },
  containerRunning: {
    name: 'kube_pod_container_status_running',
    help: 'Whether a container runs.',
    unit: 'flag',
    labels: container,
    group: 'fleet',
    by: 'kube-state-metrics',
  },
  containerWaiting: {
    name: 'kube_pod_container_status_waiting',
    help: 'Whether a container waits.',
    unit: 'flag',
    labels: container,
    group: 'fleet',
    by: 'kube-state-metrics',
  },
  containerTerminated: {
    name: 'kube_pod_container_status_terminated',
    help: 'Whether a container has ended.',
    unit: 'flag',
    labels: container,
    group: 'fleet',
    by: 'kube-state-metrics',
  },
  containerWaitingReason: {
    name: 'kube_pod_container_status_waiting_reason',
    help: 'Why a container waits.',
    unit: 'flag',
    labels: [...container, 'reason'],
    group: 'fleet',
    by: 'kube-state-metrics',
  },
  containerRestarts: {
    name: 'kube_pod_container_status_restarts_total',
    help: 'Restarts of a container.',
    unit: 'count',
    labels: container,
    group: 'fleet',
    by: 'kube-state-metrics',
  },
  jobSucceeded: {
    name: 'kube_job_status_succeeded',
    help: 'Pods of a Job of Kubernetes that succeeded.',
    unit: 'count',
    labels: ['namespace', 'job_name'],
    group: 'fleet',
    by: 'kube-state-metrics',
  },
  jobFailed: {
    name: 'kube_job_status_failed',
    help: 'Pods of a Job of Kubernetes that failed.',
    unit: 'count',
    labels: ['namespace', 'job_name', 'reason'],
    group: 'fleet',
    by: 'kube-state-metrics',
  },
  containerCpu: {
    name: 'container_cpu_usage_seconds_total',
    help: 'CPU time that a container has used; nodes in the cloud only.',
    unit: 'seconds',
    labels: usage,
    group: 'fleet',
    by: 'kubelet',
  },
  containerMemory: {
    name: 'container_memory_working_set_bytes',
    help: 'Memory that a container holds; nodes in the cloud only.',
    unit: 'bytes',
    labels: usage,
    group: 'fleet',
    by: 'kubelet',
  },
} as const satisfies Record<string, ClusterSeries>
