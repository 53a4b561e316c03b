/** Namespaces a caller may see: all of them, or those of a list. */
export type Reach = '*' | readonly string[]

/** Whether a namespace lies within a caller's reach. */
export function reaches(reach: Reach, namespace: string): boolean {
  return reach === '*' || reach.includes(namespace)
}
