/** Prometheus' relabelling, as far as our Alloy configurations use it, to see what becomes of a target. */
import { type Block, type Value, valuesOf } from '../stack/alloy-syntax.ts'

export type Target = Readonly<Record<string, string>>

const textOf = (value: Value | undefined, byDefault: string): string => (value?.kind === 'text' ? value.text : byDefault)

/** The labels of a target after all rules of a component; undefined where a rule drops it. Those of the machinery go. */
export function relabelled(component: Block, target: Target): Target | undefined {
  let labels: Target | undefined = target
  for (const rule of component.blocks) {
    if (labels === undefined) return undefined
    labels = applied(rule, labels)
  }
  if (labels === undefined) return undefined
  return Object.fromEntries(Object.entries(labels).filter(([name, value]) => !name.startsWith('__') && value !== ''))
}

function applied({ attributes }: Block, labels: Target): Target | undefined {
  const sources = valuesOf({ attributes: new Map([...attributes].filter(([name]) => name === 'source_labels')), blocks: [] })
  const names = sources.flatMap((value) => (value.kind === 'text' ? [value.text] : []))
  const source = names.map((name) => labels[name] ?? '').join(';')
  const regex = new RegExp(`^(?:${textOf(attributes.get('regex'), '(.*)')})$`, 's')
  const replacement = textOf(attributes.get('replacement'), '$1')
  switch (textOf(attributes.get('action'), 'replace')) {
    case 'keep':
      return regex.test(source) ? labels : undefined
    case 'drop':
      return regex.test(source) ? undefined : labels
    case 'labelmap':
      return { ...labels, ...mapped(labels, regex, replacement) }
    case 'replace':
      return regex.test(source)
        ? { ...labels, [textOf(attributes.get('target_label'), '')]: source.replace(regex, replacement) }
        : labels
    default:
      throw new Error('a rule has an action that is not known here')
  }
}

function mapped(labels: Target, regex: RegExp, replacement: string): Target {
  const found = Object.entries(labels).filter(([name]) => regex.test(name))
  return Object.fromEntries(found.map(([name, value]) => [name.replace(regex, replacement), value]))
}
