/** The same schemas, with every object closed: so that a field that is answered and not described is found out. */
export function closed(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(closed)
  if (typeof schema !== 'object' || schema === null) return schema
  const inner = Object.fromEntries(Object.entries(schema).map(([name, value]) => [name, closed(value)]))
  return 'properties' in schema && 'required' in schema ? { ...inner, additionalProperties: false } : inner
}
