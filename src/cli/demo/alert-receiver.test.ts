import { afterEach, beforeEach, expect, test } from 'vitest'
import { type AlertReceiver, startAlertReceiver } from './alert-receiver.ts'

let said: string[]
let receiver: AlertReceiver
beforeEach(async () => {
  said = []
  receiver = await startAlertReceiver((text) => said.push(text))
})
afterEach(() => receiver.close())

const post = (body: string) => fetch(receiver.url, { method: 'POST', body })

test('each alert of a notice is said in one line', async () => {
  const alert = (status: string, name: string) => ({
    status,
    labels: { alertname: name, severity: 'warning' },
    annotations: { summary: 'an engine is silent' },
  })
  const notice = { version: '4', alerts: [alert('firing', 'EnginescopeEngineDown'), alert('resolved', 'EnginescopeTasksLost')] }
  expect((await post(JSON.stringify(notice))).status).toBe(200)
  expect(said).toEqual([
    'alert firing: EnginescopeEngineDown (warning) an engine is silent',
    'alert resolved: EnginescopeTasksLost (warning) an engine is silent',
  ])
})

test.each(['', '{', '{"alerts":[{}]}', 'x'.repeat(1_100_000)])(
  'a notice that cannot be read is answered 400 and said',
  async (body) => {
    expect((await post(body)).status).toBe(400)
    expect(said).toEqual([expect.stringMatching(/^a notice of Alertmanager cannot be read/)])
  },
)
