/** A whole local stack: our own Redis, the aggregator, and Prometheus and Alertmanager where they are installed. */
import { type AggregatorChild, reachable, startAggregatorChild } from './aggregator-child.ts'
import { type AlertmanagerChild, startAlertmanagerChild } from './alertmanager-child.ts'
import { type ChildExit, exitText, type StackChild } from './child.ts'
import { openDataFolder } from './data-folder.ts'
import type { Surroundings } from './part.ts'
import { type LeftOut, type Plan, type PlanWishes, planStack } from './plan.ts'
import { diesWithParent } from './programs.ts'
import { type PrometheusChild, startPrometheusChild } from './prometheus-child.ts'
import { type RedisChild, startRedisChild } from './redis-child.ts'
import { StackError } from './stack-error.ts'

export type StackOptions = PlanWishes & {
  readonly dataFolder: string
  /** The program and arguments of `enginescope serve`. */
  readonly serveCommand: readonly string[]
  /** Settings for it beyond the environment, as environment variables. */
  readonly settings: Readonly<Record<string, string>>
  /** How often Prometheus scrapes and evaluates rules. */
  readonly scrapeIntervalMs: number
  /** Rule files, with a `*` in the name, instead of the shipped ones. */
  readonly rules?: string | undefined
  /** Told of every alert, if given. */
  readonly alertWebhookUrl?: string | undefined
  /** Ends the start half-way. */
  readonly signal: AbortSignal
}

/** A stack that is up. */
export type Stack = {
  readonly dataPath: string
  readonly scrapeIntervalMs: number
  readonly redis: RedisChild
  readonly aggregator: AggregatorChild
  readonly prometheus: PrometheusChild | undefined
  readonly alertmanager: AlertmanagerChild | undefined
  readonly leftOut: readonly LeftOut[]
  /** What there is to tell the user besides: another port than asked for, processes of a killed run. */
  readonly notes: readonly string[]
  /** Resolves when a part ends that should not have. */
  readonly broken: Promise<StackError>
  /** Ends all parts in order, Redis last. */
  readonly stop: () => Promise<void>
  /** Ends all parts at once, by force. */
  readonly kill: () => void
}

type Parts = Pick<Stack, 'redis' | 'aggregator' | 'prometheus' | 'alertmanager'>

const stopOrder = ['aggregator', 'prometheus', 'alertmanager', 'redis']

/** The parts that run, and how they end. */
class Children {
  readonly #all: StackChild[] = []
  #isStopping = false

  async started<T extends StackChild>(starting: Promise<T>): Promise<T> {
    const child = await starting
    this.#all.push(child)
    return child
  }

  async stop(): Promise<void> {
    this.#isStopping = true
    const ordered = this.#all.toSorted((a, b) => stopOrder.indexOf(a.name) - stopOrder.indexOf(b.name))
    for (const child of ordered) await child.stop()
  }

  kill(): void {
    this.#isStopping = true
    for (const child of this.#all) child.kill()
  }

  /** The first end that nobody asked for. */
  broken(): Promise<StackError> {
    return new Promise((resolve) => {
      const report = (child: StackChild, exit: ChildExit) => {
        const message = `${child.name} has ended (${exitText(exit)}); the end of ${child.logFile}:`
        if (!this.#isStopping) resolve(new StackError(message, { lines: child.lastLines(20) }))
      }
      for (const child of this.#all) void child.exited.then((exit) => report(child, exit))
    })
  }
}

/** Links to Prometheus in our pages, unless the user points elsewhere. */
function linksOf({ config }: StackOptions, { prometheus }: Plan): Record<string, string> {
  if (prometheus === undefined || config.prometheusUrl !== undefined) return {}
  return { ENGINESCOPE_PROMETHEUS_URL: `http://127.0.0.1:${prometheus.port}` }
}

async function startParts(around: Surroundings, options: StackOptions, plan: Plan, children: Children): Promise<Parts> {
  const { config, settings, serveCommand: command, alertWebhookUrl: webhookUrl } = options
  const host = config.host
  const redis = await children.started(startRedisChild(around, config.durability === 'fast' ? 'everysec' : 'always'))
  const wanted = {
    command,
    host,
    port: plan.aggregatorPort,
    redisUrl: redis.url,
    settings: { ...linksOf(options, plan), ...settings },
  }
  const aggregator = await children.started(startAggregatorChild(around, wanted))
  const alertmanager =
    plan.alertmanager && (await children.started(startAlertmanagerChild(around, { ...plan.alertmanager, webhookUrl })))
  const targets = {
    target: reachable(host, plan.aggregatorPort),
    scrapeIntervalMs: options.scrapeIntervalMs,
    rules: options.rules,
    alertmanager: plan.alertmanager && `127.0.0.1:${plan.alertmanager.port}`,
  }
  const prometheus = plan.prometheus && (await children.started(startPrometheusChild(around, { ...plan.prometheus, ...targets })))
  return { redis, aggregator, alertmanager, prometheus }
}

/** Brings everything up. @throws StackError when a part cannot start, the parts before it stopped; the reason of the signal when aborted. */
export async function startStack(options: StackOptions): Promise<Stack> {
  const { config, env, signal } = options
  if (config.durability === 'ha') throw new StackError('durability ha needs a Redis with a replica; this stack has a single one')
  const data = await openDataFolder(options.dataFolder)
  const children = new Children()
  const stop = async () => {
    await children.stop()
    data.release()
  }
  try {
    const plan = await planStack(options)
    const parts = await startParts({ data, env, prefix: diesWithParent(env['PATH']), signal }, options, plan, children)
    data.noteUrl(parts.aggregator.url)
    const leftOver = data.leftOver.map((name) => `${name} of a run that was killed was still there and has been stopped`)
    return {
      ...parts,
      dataPath: data.path,
      scrapeIntervalMs: options.scrapeIntervalMs,
      leftOut: plan.leftOut,
      notes: [...leftOver, ...plan.notes],
      broken: children.broken(),
      stop,
      kill: () => children.kill(),
    }
  } catch (error) {
    await stop()
    throw error
  }
}
