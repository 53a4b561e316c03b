/** Namespaces a caller may see: all of them, or those of a set. */
export type Reach = '*' | ReadonlySet<string>

/** Whether a namespace lies within a caller's reach. */
export function reaches(reach: Reach, namespace: string): boolean {
  return reach === '*' || reach.has(namespace)
}
