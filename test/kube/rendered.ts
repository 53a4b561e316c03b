/** What is shipped for clusters, rendered: each by the folder that its users name. */
import { join } from 'node:path'
import { parse } from 'yaml'
import { pageAt } from '../docs/markdown.ts'
import { root } from '../stack/compose-file.ts'
import { type Kustomization, render, renderOf } from './kustomize.ts'
import type { KubeObject } from './objects.ts'

export const folders = [
  'deploy/kubernetes/overlays/single',
  'deploy/kubernetes/overlays/ha',
  'deploy/kubernetes/overlays/sedna',
  'deploy/kube-state-metrics',
  'deploy/alloy/cloud',
  'deploy/alloy/edge',
  'dashboards',
] as const

/** The overlay for Sedna in a cluster that has a kube-state-metrics, as its comment says. */
export const besideAnother: Kustomization = {
  resources: ['deploy/kubernetes/overlays/sedna'],
  components: ['deploy/kubernetes/components/custom-resources-only'],
}

/** A folder with one thing more, as docs/kubernetes.md tells users to write it. */
export const inAnotherNamespace: Kustomization = { namespace: 'observability', resources: ['deploy/kubernetes/overlays/sedna'] }

/** What docs/kubernetes.md shows, as it stands, but for where the repository is. */
export const ofGuide: readonly Kustomization[] = pageAt('docs/kubernetes.md')
  .fences.filter(({ language }) => language === 'yaml')
  .map(({ text }) => parse(text.replaceAll('../enginescope/', '')) as Kustomization)

export const rendered = (folder: (typeof folders)[number]): KubeObject[] => render(join(root, folder))
export const renderedOf = (kustomization: Kustomization): KubeObject[] => renderOf(kustomization, root)

/** The one object of this kind and name, whatever the hash behind it. */
export function find(objects: readonly KubeObject[], kind: string, name: string): KubeObject {
  const found = objects.filter(({ kind: is, metadata }) => is === kind && metadata.name.replace(/-[0-9a-z]{10}$/, '') === name)
  const exact = found.find(({ metadata }) => metadata.name === name) ?? found[0]
  if (exact === undefined) throw new Error(`there is no ${kind} ${name}`)
  return exact
}
