import { randomUUID } from 'node:crypto'
import type { Flag } from '../settings.ts'
import type { Resource } from './worker.ts'

type ResourceFlag = 'job' | 'namespace' | 'uid'

/** Flags that say what a worker belongs to. @param job the name when none is given */
export function resourceFlags(job: string): Record<ResourceFlag, Flag> {
  return {
    job: { default: job, about: 'name of the job' },
    namespace: { default: 'default', about: 'namespace of the job' },
    uid: { default: '', about: 'tells two jobs of one name apart; made up when it is not given' },
  }
}

/** The resource that the flags name. */
export function resourceFrom({ job, namespace, uid }: Readonly<Record<ResourceFlag, string>>): Resource {
  return { job, namespace, uid: uid === '' ? randomUUID() : uid }
}

/** The same as arguments for a child. */
export function resourceArgs({ job, namespace, uid }: Resource): string[] {
  return ['--job', job, '--namespace', namespace, '--uid', uid]
}
