import type { Origins } from '../../config/load.ts'
import type { Config } from '../../config/settings.ts'
import { choosePort } from './ports.ts'
import { findProgram } from './programs.ts'

/** A port for a part, and whether the user named it. */
export type WishedPort = { readonly port: number; readonly isExplicit: boolean }

/** Something that is not part of this stack, and how to have it. */
export type LeftOut = { readonly name: string; readonly how: string }

/** A program that is installed, and the port it will listen on. */
export type Planned = { readonly program: string; readonly port: number }

/** What will run where. */
export type Plan = {
  readonly aggregatorPort: number
  readonly prometheus: Planned | undefined
  readonly alertmanager: Planned | undefined
  readonly leftOut: readonly LeftOut[]
  /** Ports that are not the ones wished for. */
  readonly notes: readonly string[]
}

export type PlanWishes = {
  readonly config: Config
  readonly origins: Origins
  readonly env: Readonly<Record<string, string | undefined>>
  readonly prometheus: WishedPort
  readonly alertmanager: WishedPort
}

function leftOutOf({ prometheus, alertmanager }: Pick<Plan, 'prometheus' | 'alertmanager'>, config: Config): LeftOut[] {
  const logs = 'set ENGINESCOPE_LOKI_URL; until then the newest lines of each job are kept'
  const all: [part: unknown, name: string, how: string][] = [
    [prometheus, 'Prometheus', 'apt-get install prometheus'],
    [alertmanager, 'Alertmanager', 'apt-get install prometheus-alertmanager'],
    [config.lokiUrl, 'Loki', logs],
    [config.grafanaUrl, 'Grafana', 'set ENGINESCOPE_GRAFANA_URL to link to one'],
  ]
  return all.filter(([part]) => part === undefined).map(([, name, how]) => ({ name, how }))
}

/** Finds what is installed and a port for each. @throws StackError when a port that the user named is taken */
export async function planStack({ config, origins, env, prometheus, alertmanager }: PlanWishes): Promise<Plan> {
  const taken = new Set<number>()
  const notes: string[] = []
  const choose = async (name: string, host: string, flag: string, wish: WishedPort) => {
    const port = await choosePort({ name, host, flag, ...wish }, taken)
    const isOther = wish.port !== 0 && port !== wish.port
    if (isOther) notes.push(`${name}: port ${wish.port} is taken, so it listens on ${port} (choose one with ${flag})`)
    return port
  }
  const part = async (name: string, names: readonly string[], wish: WishedPort): Promise<Planned | undefined> => {
    const program = findProgram(names, env['PATH'])
    return program === undefined ? undefined : { program, port: await choose(name, '127.0.0.1', `--${name}-port`, wish) }
  }
  const aggregatorWish = { port: config.port, isExplicit: origins.port !== 'default' }
  const aggregatorPort = await choose('aggregator', config.host, '--port', aggregatorWish)
  const parts = {
    prometheus: await part('prometheus', ['prometheus'], prometheus),
    alertmanager: await part('alertmanager', ['prometheus-alertmanager', 'alertmanager'], alertmanager),
  }
  return { aggregatorPort, ...parts, leftOut: leftOutOf(parts, config), notes }
}
