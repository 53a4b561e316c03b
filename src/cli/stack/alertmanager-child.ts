import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse, stringify } from 'yaml'
import { z } from 'zod'
import { answersOk, type StackChild } from './child.ts'
import { shipped } from './package-folder.ts'
import { type Surroundings, startPart } from './part.ts'

/** Alertmanager, fed by our Prometheus. */
export type AlertmanagerChild = StackChild & { readonly url: string }

export type AlertmanagerOptions = {
  readonly program: string
  readonly port: number
  /** Told of every alert, if given: all receivers but `quiet` get it as a webhook. */
  readonly webhookUrl: string | undefined
}

const config = z.looseObject({ receivers: z.array(z.looseObject({ name: z.string() })) })

const bare = { route: { receiver: 'none' }, receivers: [{ name: 'none' }] }

/** The shipped configuration (a bare one where none is shipped), its receivers pointed to the webhook. */
export function alertmanagerConfig(shippedText: string | undefined, webhookUrl: string | undefined): string {
  const { receivers, ...rest } = config.parse(shippedText === undefined ? bare : parse(shippedText))
  const pointed = receivers.map((receiver) =>
    webhookUrl === undefined || receiver.name === 'quiet' ? receiver : { ...receiver, webhook_configs: [{ url: webhookUrl }] },
  )
  return `# Written anew at every start of \`enginescope up\`; changes here are lost.\n${stringify({ ...rest, receivers: pointed })}`
}

/** Starts Alertmanager on loopback, alone, and waits until it is ready. @throws StackError with the end of its log */
export async function startAlertmanagerChild(around: Surroundings, options: AlertmanagerOptions): Promise<AlertmanagerChild> {
  const folder = around.data.folder('alertmanager')
  const configPath = join(folder, 'alertmanager.yml')
  const path = shipped('prometheus', 'alertmanager.yml')
  writeFileSync(configPath, alertmanagerConfig(path === undefined ? undefined : readFileSync(path, 'utf8'), options.webhookUrl))
  const address = `127.0.0.1:${options.port}`
  const url = `http://${address}`
  const child = await startPart(around, {
    name: 'alertmanager',
    command: [
      options.program,
      `--config.file=${configPath}`,
      `--storage.path=${join(folder, 'data')}`,
      `--web.listen-address=${address}`,
      // Empty: no gossip port, no search for an address of this machine.
      '--cluster.listen-address=',
    ],
    graceMs: 15_000,
    isReady: () => answersOk(`${url}/-/ready`),
    readyTimeoutMs: 60_000,
  })
  return { ...child, url }
}
