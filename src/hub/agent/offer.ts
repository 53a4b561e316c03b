import { existsSync, statSync } from 'node:fs'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { ScopeError } from '../../errors.ts'
import { type Algorithm, readAlgorithm } from '../model/algorithm.ts'

/** What a module says that it is. @throws Error when there is no such file, or none that Node can load */
export function offeredBy(file: string): {
  readonly moduleUrl: string
  /** The algorithm under its key. @throws Error when the module exports another one, or something that is none */
  readonly read: (exported: unknown, key: string) => Algorithm
} {
  const path = resolve(file)
  if (!existsSync(path)) throw new Error(`${file}: there is no such file`)
  if (!statSync(path).isFile()) throw new Error(`${file}: this is no file`)
  if (/\.[cm]?tsx?$/.test(path)) throw new Error(`${file}: Node loads JavaScript; build it first and give the .js file`)
  return { moduleUrl: pathToFileURL(path).href, read }
}

function read(exported: unknown, key: string): Algorithm {
  if (exported === null) return readAlgorithm({ key })
  try {
    const algorithm = readAlgorithm(exported, 'algorithm')
    if (algorithm.key === key) return algorithm
    throw new Error(`it exports the algorithm ${algorithm.key}, not ${key}`)
  } catch (error) {
    if (error instanceof ScopeError) throw new Error(`${error.path ?? 'algorithm'} ${error.message}`, { cause: error })
    throw error
  }
}
