import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { kubeSeries } from '../../src/catalogue/kube/index.ts'
import { root, textOf } from '../stack/compose-file.ts'

const filesIn = (folder: string, ending: string) =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith(ending))
    .map((name) => `${folder}/${name}`)
const readers = [...filesIn('dashboards', '.json'), ...filesIn('prometheus/rules', '.yml')]
const asked = new Set(readers.flatMap((path) => textOf(path).match(/\b(?:kube|container)_[a-z][a-z0-9_]*[a-z0-9]\b/g) ?? []))
const known = new Set(kubeSeries.map(({ name }) => name))

/** For tables and searches of one's own: no panel of ours has to ask for these. */
const forOthers = new Set(
  [
    ['jointinferenceservice', 'created_timestamp_seconds status_active_workers status_failed_workers spec_model_info'],
    ['jointinferenceservice', 'status_reported_inferences status_reported_hard_samples status_reported_upload_ratio'],
    [
      'incrementallearningjob',
      'created_timestamp_seconds status_completion_timestamp_seconds status_last_transition_timestamp_seconds',
    ],
    ['incrementallearningjob', 'status_stage spec_train_ratio spec_dataset_info spec_batch_size spec_epochs spec_learning_rate'],
    [
      'federatedlearningjob',
      'created_timestamp_seconds status_condition status_active_pods status_succeeded_pods status_failed_pods',
    ],
    ['federatedlearningjob', 'spec_training_worker_info spec_learning_rate spec_batch_size spec_exit_round'],
  ].flatMap(([kind, names = '']) => names.split(' ').map((name) => `kube_sedna_${kind}_${name}`)),
).add('kube_pod_info')

describe('of the series of the cluster', () => {
  test('dashboards and rules ask only for those of the catalogue', () => {
    expect(readers.length).toBeGreaterThan(10)
    expect([...asked].filter((name) => !known.has(name))).toEqual([])
  })

  test('none is listed for others that is not there', () => {
    expect([...forOthers].filter((name) => !known.has(name))).toEqual([])
  })

  test('each is asked for by a dashboard or a rule, or is for others', () => {
    expect([...known].filter((name) => !asked.has(name) && !forOthers.has(name))).toEqual([])
  })
})
