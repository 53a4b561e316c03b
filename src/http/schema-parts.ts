/** What the schemas of the APIs are put together from. */

export type Schema = Readonly<Record<string, unknown>>

/** A schema by its name. */
export function ref(name: string): Schema {
  return { $ref: `#/components/schemas/${name}` }
}

/** What single fields hold. */
export const text = { type: 'string' }
export const number = { type: 'number' }
export const count = { type: 'integer', minimum: 0 }
export const flag = { type: 'boolean' }
export const moment = { type: ['string', 'null'], format: 'date-time' }
export const textOrNull = { type: ['string', 'null'] }
export const numberOrNull = { type: ['number', 'null'] }
export const cursor = { type: ['string', 'null'], description: 'Where to go on; null = there is nothing further.' }
export const texts = { type: 'object', additionalProperties: text }
export const anything = {}

/** An object of which every field is always there. */
export function whole(properties: Schema, description?: string): Schema {
  const said = description === undefined ? {} : { description }
  return { type: 'object', ...said, properties, required: Object.keys(properties) }
}

export function listOf(items: Schema): Schema {
  return { type: 'array', items }
}

export function orNull(schema: Schema): Schema {
  return { anyOf: [schema, { type: 'null' }] }
}

/** Fields that are all alike. */
export function named(names: readonly string[], schema: Schema): Record<string, unknown> {
  return Object.fromEntries(names.map((name) => [name, schema]))
}

/** How every app answers an error. */
export const errorSchema = whole({
  error: {
    type: 'object',
    properties: { code: text, message: text, path: { ...text, description: 'Where in the input the fault lies.' } },
    required: ['code', 'message'],
  },
})
