import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

// src/cli/stack and dist/cli/stack lie equally deep.
const root = fileURLToPath(new URL('../../../', import.meta.url))

/** The path of a file or folder that comes with the package, if it does. */
export function shipped(...parts: readonly string[]): string | undefined {
  const path = join(root, ...parts)
  return existsSync(path) ? path : undefined
}
