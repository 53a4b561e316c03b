import { Part } from './part.ts'

/** What an agent offers. */
export type Algorithm = {
  readonly key: string
  readonly name: string
  readonly description: string
  readonly tags: readonly string[]
  /** A path like `classifier.decisionTree.id3`. */
  readonly catalog: string
}

const textMax = 4_096
const tagsMax = 100

/** Checks an algorithm as an agent tells it; only the key is needed. @throws ScopeError REQUEST_INVALID */
export function readAlgorithm(value: unknown, path = ''): Algorithm {
  const part = value instanceof Part ? value : new Part(value, path, 'REQUEST_INVALID')
  const key = part.field('key').id('an algorithm key')
  const tags = part.field('tags')
  return {
    key,
    name: part.field('name').textOr(key, textMax),
    description: part.field('description').textOr('', textMax),
    tags: tags.isAbsent ? [] : tags.items(tagsMax).map((tag) => tag.text(textMax)),
    catalog: part.field('catalog').textOr(key, textMax),
  }
}

/** Whether a catalog lies under a path: `classifier` holds `classifier.decisionTree.id3`, but not `classifiers.x`. */
export function isInCatalog(catalog: string, prefix: string): boolean {
  const path = prefix.replace(/\.+$/, '')
  return path === '' || catalog === path || catalog.startsWith(`${path}.`)
}
