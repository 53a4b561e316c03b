import type { Metric } from '../catalogue/index.ts'

type Handle<Value> = { set(value: Value): void; remove(): void }
type Values = Readonly<Record<string, string>>

/** The series of one family that are made from a whole table of values, whose keys are JSON arrays of label values. */
export class ShownFamily<Value> {
  readonly #labels: readonly string[]
  readonly #create: (values: Values) => Handle<Value> | undefined
  readonly #handles = new Map<string, Handle<Value>>()

  constructor(metric: Pick<Metric, 'labels'>, create: (values: Values) => Handle<Value> | undefined) {
    this.#labels = metric.labels
    this.#create = create
  }

  /** Sets every series of the table. Those that are not in it stay as they are. */
  show(values: ReadonlyMap<string, Value>): void {
    for (const [key, value] of values) this.#handleAt(key)?.set(value)
  }

  /** Sets the series that are not in the table to `value`. */
  setOthers(values: ReadonlyMap<string, Value>, value: Value): void {
    for (const [key, handle] of this.#handles) if (!values.has(key)) handle.set(value)
  }

  /** Takes away the series that are not in the table. */
  keepOnly(values: ReadonlyMap<string, Value>): void {
    for (const [key, handle] of this.#handles) {
      if (values.has(key)) continue
      handle.remove()
      this.#handles.delete(key)
    }
  }

  clear(): void {
    for (const handle of this.#handles.values()) handle.remove()
    this.#handles.clear()
  }

  #handleAt(key: string): Handle<Value> | undefined {
    const handle = this.#handles.get(key) ?? this.#create(this.#valuesOf(key))
    if (handle !== undefined) this.#handles.set(key, handle)
    return handle
  }

  #valuesOf(key: string): Values {
    const values = JSON.parse(key) as (string | number)[]
    return Object.fromEntries(this.#labels.map((label, index) => [label, String(values[index] ?? '')]))
  }
}
