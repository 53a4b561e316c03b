/**
 * Renders a kustomization by those rules of kustomize that deploy/ uses, and no others: anything else is refused. Where kubectl
 * is installed a test holds the two against each other.
 */
import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { parse, parseAllDocuments } from 'yaml'
import { type Operation, patched } from './json-patch.ts'
import { type KubeObject, podSpecOf, type Volume } from './objects.ts'

type Options = {
  readonly disableNameSuffixHash?: boolean
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
}
type Generator = {
  readonly name: string
  readonly behavior?: 'merge'
  readonly files?: readonly string[]
  readonly literals?: readonly string[]
  readonly options?: Options
}
export type Kustomization = {
  readonly apiVersion?: string
  readonly kind?: string
  readonly namespace?: string
  readonly resources?: readonly string[]
  readonly components?: readonly string[]
  readonly generatorOptions?: Options
  readonly configMapGenerator?: readonly Generator[]
  readonly images?: readonly { readonly name: string; readonly newName: string; readonly newTag: string }[]
  readonly labels?: readonly { readonly pairs: Readonly<Record<string, string>> }[]
  readonly patches?: readonly { readonly target: { readonly kind: string; readonly name: string }; readonly patch: string }[]
}

const known = new Set(
  'apiVersion kind namespace resources components generatorOptions configMapGenerator patches images labels'.split(' '),
)
/** Kinds that belong to the cluster and not to a namespace. */
const ofCluster = new Set(['Namespace', 'ClusterRole', 'ClusterRoleBinding'])

type Subject = NonNullable<KubeObject['subjects']>[number]

/** An object on its way, and whether its name is to get a hash at the end. */
type Item = { readonly object: KubeObject; readonly isHashed: boolean }

/** All objects of a folder with a kustomization.yaml, as kustomize prints them, in the order in which they were named. */
export function render(folder: string): KubeObject[] {
  return named(build(folder, []))
}

/** The same of a kustomization that is in no file. @param folder from which its paths go on */
export function renderOf(kustomization: Kustomization, folder: string): KubeObject[] {
  return named(apply(kustomization, folder, []))
}

function build(folder: string, items: readonly Item[]): Item[] {
  return apply(parse(readFileSync(join(folder, 'kustomization.yaml'), 'utf8')) as Kustomization, folder, items)
}

function apply(kustomization: Kustomization, folder: string, before: readonly Item[]): Item[] {
  const strange = Object.keys(kustomization).filter((key) => !known.has(key))
  if (strange.length > 0) throw new Error(`${folder}: ${strange.join(', ')} is not known`)
  const {
    namespace,
    resources = [],
    components = [],
    configMapGenerator = [],
    generatorOptions = {},
    patches = [],
    images = [],
    labels = [],
  } = kustomization
  let items = [...before, ...resources.flatMap((path) => resource(join(folder, path)))]
  for (const path of components) items = build(join(folder, path), items)
  for (const generator of configMapGenerator) items = generated(items, generator, generatorOptions, folder)
  for (const patch of patches) items = patchedItems(items, patch)
  const pairs = Object.assign({}, ...labels.map((one) => one.pairs)) as Readonly<Record<string, string>>
  items = items.map((item) => ({ ...item, object: labelled(withImages(item.object, images), pairs) }))
  return namespace === undefined ? items : items.map((item) => ({ ...item, object: placed(item.object, namespace, items) }))
}

function resource(path: string): Item[] {
  if (!path.endsWith('.yaml')) {
    if (!existsSync(join(path, 'kustomization.yaml'))) throw new Error(`${path} has no kustomization.yaml`)
    return build(path, [])
  }
  return parseAllDocuments(readFileSync(path, 'utf8')).map((document) => {
    if (document.errors[0] !== undefined) throw new Error(`${path}: ${document.errors[0].message}`)
    return { object: document.toJS() as KubeObject, isHashed: false }
  })
}

function generated(items: readonly Item[], generator: Generator, defaults: Options, folder: string): Item[] {
  const { name, behavior, files = [], literals = [], options = {} } = generator
  const data = Object.fromEntries([
    ...files.map((path): [string, string] => [basename(path), readFileSync(join(folder, path), 'utf8')]),
    ...literals.map((text): [string, string] => [text.slice(0, text.indexOf('=')), text.slice(text.indexOf('=') + 1)]),
  ])
  const isIt = ({ object }: Item) => object.kind === 'ConfigMap' && object.metadata.name === name
  if (behavior === 'merge') {
    if (!items.some(isIt)) throw new Error(`${folder}: there is no ConfigMap ${name} to merge into`)
    return items.map((item) =>
      isIt(item) ? { ...item, object: { ...item.object, data: { ...item.object.data, ...data } } } : item,
    )
  }
  const labels = { ...defaults.labels, ...options.labels }
  const annotations = { ...defaults.annotations, ...options.annotations }
  const metadata = {
    name,
    ...(Object.keys(labels).length > 0 ? { labels } : {}),
    ...(Object.keys(annotations).length > 0 ? { annotations } : {}),
  }
  const isHashed = !(options.disableNameSuffixHash ?? defaults.disableNameSuffixHash ?? false)
  return [...items, { object: { apiVersion: 'v1', kind: 'ConfigMap', metadata, data }, isHashed }]
}

function patchedItems(items: readonly Item[], { target, patch }: NonNullable<Kustomization['patches']>[number]): Item[] {
  const operations = parse(patch) as readonly Operation[]
  const isMeant = ({ object }: Item) => object.kind === target.kind && object.metadata.name === target.name
  if (!items.some(isMeant)) throw new Error(`there is no ${target.kind} ${target.name} to patch`)
  return items.map((item) => (isMeant(item) ? { ...item, object: patched(item.object, operations) } : item))
}

function withImages(object: KubeObject, images: NonNullable<Kustomization['images']>): KubeObject {
  const copy = structuredClone(object)
  for (const container of podSpecOf(copy)?.containers ?? []) {
    const [, name] = /^(.+):[^:/]+$/.exec(container.image) ?? []
    const other = images.find((image) => image.name === name)
    if (other !== undefined) container.image = `${other.newName}:${other.newTag}`
  }
  return copy
}

function labelled(object: KubeObject, pairs: Readonly<Record<string, string>>): KubeObject {
  if (Object.keys(pairs).length === 0) return object
  return { ...object, metadata: { ...object.metadata, labels: { ...object.metadata.labels, ...pairs } } }
}

/** The object in its namespace; so are service accounts that a binding names, if they are among the objects. */
function placed(object: KubeObject, namespace: string, items: readonly Item[]): KubeObject {
  if (object.kind === 'Namespace') return { ...object, metadata: { ...object.metadata, name: namespace } }
  const accounts = items.filter((item) => item.object.kind === 'ServiceAccount').map((item) => item.object.metadata)
  const isOurs = (of: Subject) => accounts.some((account) => account.name === of.name && account.namespace === of.namespace)
  const subjects = object.subjects?.map((subject) => (isOurs(subject) ? { ...subject, namespace } : subject))
  const metadata = ofCluster.has(object.kind) ? object.metadata : { ...object.metadata, namespace }
  return { ...object, metadata, ...(subjects === undefined ? {} : { subjects }) }
}

/** Gives ConfigMaps the hash of what is in them, and whoever names them that name. */
function named(items: readonly Item[]): KubeObject[] {
  const names = new Map(
    items
      .filter(({ isHashed }) => isHashed)
      .map(({ object }) => [object.metadata.name, `${object.metadata.name}-${hashOf(object)}`]),
  )
  const newName = (name: string) => names.get(name) ?? name
  return items.map(({ object, isHashed }) => {
    if (isHashed) return { ...object, metadata: { ...object.metadata, name: newName(object.metadata.name) } }
    const copy = structuredClone(object)
    for (const container of podSpecOf(copy)?.containers ?? []) {
      for (const { configMapRef } of container.envFrom ?? []) {
        if (configMapRef !== undefined) configMapRef.name = newName(configMapRef.name)
      }
    }
    for (const { configMap } of (podSpecOf(copy)?.volumes ?? []) as Volume[]) {
      if (configMap !== undefined) configMap.name = newName(configMap.name)
    }
    return copy
  })
}

/** As kustomize makes it: over the data alone, without vowels, so that no hash is a word. */
function hashOf({ data = {} }: KubeObject): string {
  const sorted = Object.fromEntries(Object.entries(data).sort(([a], [b]) => (a < b ? -1 : 1)))
  const text = JSON.stringify({ data: sorted, kind: 'ConfigMap', name: '' })
  const escaped = text.replace(/[<>&\u2028\u2029]/g, (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`)
  const hex = createHash('sha256').update(escaped).digest('hex').slice(0, 10)
  const letters: Readonly<Record<string, string>> = { '0': 'g', '1': 'h', '3': 'k', a: 'm', e: 't' }
  return [...hex].map((digit) => letters[digit] ?? digit).join('')
}
