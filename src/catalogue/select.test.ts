import { describe, expect, test } from 'vitest'
import { families } from './families.ts'
import { increase, maxWithout, promql, rate, sumWithout } from './promql.ts'
import { like, noneOf, not, oneOf, select, selectBuckets, selectCount } from './select.ts'

const { engineUp, reports, taskDuration, taskProgress, tasks } = families

describe('a selector', () => {
  test.each([
    [select(tasks), 'enginescope_tasks'],
    [select(tasks, { status: 'running' }), 'enginescope_tasks{status="running"}'],
    [select(tasks, { status: not('running') }), 'enginescope_tasks{status!="running"}'],
    [select(tasks, { status: oneOf('inited', 'scheduled') }), 'enginescope_tasks{status=~"inited|scheduled"}'],
    [select(tasks, { status: noneOf('inited', 'running') }), 'enginescope_tasks{status!~"inited|running"}'],
    [
      select(tasks, { namespace: like('team-.+'), status: 'running' }),
      'enginescope_tasks{namespace=~"team-.+",status="running"}',
    ],
    [select(reports, { job: 'enginescope', instance: 'a:1' }), 'enginescope_reports_total{job="enginescope",instance="a:1"}'],
    [selectBuckets(taskDuration, { le: '60.0' } as object), 'enginescope_task_duration_seconds_bucket{le="60.0"}'],
    [selectCount(taskDuration, { status: 'failed' }), 'enginescope_task_duration_seconds_count{status="failed"}'],
  ])('%# is written as PromQL', ({ text }, expected) => expect(text).toBe(expected))

  test('escapes what would end a string, and takes the signs of patterns literally', () => {
    expect(select(engineUp, { engine: 'a"b\\c\nd' }).text).toBe('enginescope_engine_up{engine="a\\"b\\\\c\\nd"}')
    expect(select(engineUp, { engine: oneOf('n1.local:1', 'a|b') }).text).toBe(
      'enginescope_engine_up{engine=~"n1\\\\.local:1|a\\\\|b"}',
    )
  })

  test('knows the labels that its series have in Prometheus: instance only on those of replicas', () => {
    expect(select(engineUp).labels).toEqual(['job', 'engine', 'engine_type'])
    expect(select(reports).labels).toEqual(['job', 'instance', 'outcome'])
    expect(selectBuckets(taskDuration).labels).toContain('le')
  })

  test('does not compile with a label or a value that the catalogue does not know', () => {
    // @ts-expect-error there is no such label
    select(tasks, { taks_type: 'sql' })
    // @ts-expect-error there is no such status
    select(tasks, { status: 'runing' })
    // @ts-expect-error nor behind a matcher
    select(tasks, { status: oneOf('running', 'finised') })
    // @ts-expect-error shared series have no instance
    const text = select(taskProgress, { instance: 'a:1' }).text
    expect(text, 'what the compiler was told to let pass is still only text').toContain('instance="a:1"')
  })
})

describe('an expression', () => {
  test('loses the labels that are taken away, and keeps job', () => {
    const sum = sumWithout(['namespace', 'status', 'instance'], rate(select(families.tasksFinished), '5m'))
    expect(sum.text).toBe('sum without (namespace, status, instance) (rate(enginescope_tasks_finished_total[5m]))')
    expect(sum.labels).toEqual(['job', 'task_type', 'engine_type'])
    // @ts-expect-error the status has been taken away
    maxWithout(['status'], sum)
    // @ts-expect-error a sum takes no window
    increase(sum, '5m')
  })

  test('has the labels of its first part, and its lines without their indentation', () => {
    const query = promql`${select(engineUp)} == 0
      and on (job) ${select(reports)} > ${0.5}`
    expect(query.text).toBe('enginescope_engine_up == 0\nand on (job) enginescope_reports_total > 0.5')
    expect(query.labels).toEqual(['job', 'engine', 'engine_type'])
  })
})
