import { request } from 'node:http'
import { afterEach, describe, expect, test } from 'vitest'
import { createRuntime, type Runtime, type RuntimeOptions } from '../index.ts'

const opened: Runtime[] = []
afterEach(async () => {
  await Promise.all(opened.splice(0).map((runtime) => runtime.close()))
})

/** Status of a fetch by somebody who has come by this name. */
async function statusBy(host: string, options: Partial<RuntimeOptions> = {}): Promise<number | undefined> {
  const runtime = createRuntime({ runtimeId: 'run-7f3c', onProblem: () => undefined, ...options })
  opened.push(runtime)
  const { port } = new URL((await runtime.listening) ?? '')
  const url = `http://127.0.0.1:${port}/v1/runtime/topics/logs/messages`
  const headers = {
    host: host.replace('PORT', port),
    ...(options.token === undefined ? {} : { authorization: `Bearer ${options.token}` }),
  }
  return new Promise((resolve, reject) => {
    const asked = request(url, { headers }, (response) => {
      response.resume()
      resolve(response.statusCode)
    })
    asked.on('error', reject)
    asked.end()
  })
}

describe('a runtime without a token', () => {
  test.each(['127.0.0.1:PORT', 'localhost:PORT', 'localhost', '[::1]:PORT', '127.0.0.2'])('is read by %s', async (host) => {
    expect(await statusBy(host)).toBe(200)
  })

  test.each([
    'attacker.example',
    'attacker.example:PORT',
    '10.0.0.1',
    'localhost.attacker.example',
    '127.0.0.1.nip.example',
    'a b',
  ])('is not read by a name that a page has given this machine: %s', async (host) => {
    expect(await statusBy(host)).toBe(403)
  })

  test('is read by the name that monitors are told', async () => {
    expect(await statusBy('engine-7:PORT', { listen: { publicHost: 'engine-7' } })).toBe(200)
  })
})

test('with a token every name will do: a page does not have it', async () => {
  expect(await statusBy('engine-7:PORT', { token: 'not-a-real-token' })).toBe(200)
})
