import { describe, expect, test } from 'vitest'
import { startProgram } from './process.ts'

const node = (script: string, options = {}) => startProgram(process.execPath, ['-e', script], options)

describe('a child program', () => {
  test('is started when its ready line has come, and keeps what it said', async () => {
    const program = await node("setTimeout(() => console.log('listening on 7'), 20); setInterval(() => {}, 1000)", {
      readyLine: /listening on \d/,
    })
    expect(program.stdout()).toBe('listening on 7\n')
    expect(await program.waitForLine(/listening/)).toBe('listening on 7')
    expect(await program.stop()).toEqual({ code: null, signal: 'SIGTERM' })
  })

  test('that leaves too soon is reported with its output', async () => {
    const start = node("console.error('no such file'); process.exitCode = 3", { readyLine: /ready/ })
    await expect(start).rejects.toThrow(/left with 3 before \/ready\/\nno such file/)
  })

  test('that stays silent is killed and reported', async () => {
    const start = node('setInterval(() => {}, 1000)', { readyLine: /ready/, readyTimeoutMs: 100 })
    await expect(start).rejects.toThrow('100 ms went by')
  })

  test('that cannot be started is an error, not a wait', async () => {
    await expect(startProgram('/nonexistent/program', [])).rejects.toThrow('ENOENT')
  })

  test('that ignores SIGTERM, or is stopped, still ends', async () => {
    const stubborn = await node("process.on('SIGTERM', () => {}); console.log('up'); setInterval(() => {}, 1000)", {
      readyLine: /up/,
    })
    stubborn.kill('SIGSTOP')
    expect(await stubborn.stop(50)).toEqual({ code: null, signal: 'SIGKILL' })
  })

  test('reads what is handed to it, with variables added and taken away', async () => {
    const echo = "process.stdin.pipe(process.stdout); console.log(process.env.ADDED, 'HOME' in process.env)"
    const program = await node(echo, { stdin: 'hello', env: { ADDED: 'yes', HOME: undefined } })
    expect(await program.exited).toEqual({ code: 0, signal: null })
    expect(program.stdout()).toBe('yes false\nhello')
  })
})
