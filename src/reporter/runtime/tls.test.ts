import { writeFileSync } from 'node:fs'
import { request } from 'node:https'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Certificates, hasOpenssl, makeCertificates } from '../../../test/support/certificates.ts'
import { createRuntime, type Problem, type Runtime } from '../index.ts'

let certificates: Certificates
const pem = (name: string) => certificates.pem(name)

beforeAll(() => {
  if (!hasOpenssl) return
  certificates = makeCertificates()
  certificates.issue('authority')
  certificates.issue('runtime', 'authority')
  certificates.issue('monitor', 'authority')
  certificates.issue('stranger')
})
afterAll(() => certificates?.remove())

/** The status of a fetch, or the code of what went wrong. */
async function fetchAs(runtime: Runtime, who?: string): Promise<number | string | undefined> {
  const own = who === undefined ? {} : { cert: pem(`${who}.pem`), key: pem(`${who}.key`) }
  const url = new URL('/v1/runtime/topics/logs/messages', await runtime.listening)
  return new Promise((resolve) => {
    const asked = request(url, { ca: pem('authority.pem'), agent: false, ...own }, (response) => {
      response.resume()
      resolve(response.statusCode)
    })
    asked.on('error', (error: NodeJS.ErrnoException) => resolve(error.code))
    asked.end()
  })
}

describe.skipIf(!hasOpenssl)('a runtime with TLS', () => {
  const problems: Problem[] = []
  const aRuntime = (tls: { ca?: Buffer }, host = '127.0.0.1') =>
    createRuntime({
      runtimeId: 'run-7f3c',
      listen: { host, tls: { cert: pem('runtime.pem'), key: pem('runtime.key'), ...tls } },
      onProblem: (problem) => problems.push(problem),
    })

  test('is read over https', async () => {
    const runtime = aRuntime({})
    expect(await runtime.listening).toMatch(/^https:/)
    expect(await fetchAs(runtime)).toBe(200)
    await runtime.close()
  })

  test('and an authority lets in who has a certificate signed by it, and nobody else', async () => {
    const runtime = aRuntime({ ca: pem('authority.pem') })
    expect(await fetchAs(runtime, 'monitor')).toBe(200)
    expect(await fetchAs(runtime)).not.toBe(200)
    expect(await fetchAs(runtime, 'stranger')).not.toBe(200)
    expect(runtime.stats().fetches).toBe(1)
    await runtime.close()
  })

  test('without an authority is not let listen where others could reach it unasked; with one it is', async () => {
    expect(await aRuntime({}, '0.0.0.0').listening).toBeUndefined()
    expect(problems.map(({ code }) => code)).toEqual(['BIND_REFUSED'])
    const guarded = aRuntime({ ca: pem('authority.pem') }, '0.0.0.0')
    expect(await guarded.listening).toMatch(/^https:/)
    await guarded.close()
  })

  test('whose certificate cannot be read does not listen, and says so', async () => {
    writeFileSync(certificates.path('broken.pem'), 'nothing')
    const tls = { cert: pem('broken.pem'), key: pem('runtime.key') }
    const told: Problem[] = []
    const runtime = createRuntime({ runtimeId: 'run-1', listen: { tls }, onProblem: (problem) => told.push(problem) })
    expect(await runtime.listening).toBeUndefined()
    expect(told.map(({ code }) => code)).toEqual(['NOT_LISTENING'])
  })
})
