/** Reads a Dockerfile into its stages, as far as ours goes: comments, continued lines, ARG with a default before FROM. */
export type Instruction = { readonly name: string; readonly rest: string }
export type Stage = { readonly base: string; readonly name: string | undefined; readonly instructions: readonly Instruction[] }
export type Dockerfile = { readonly args: Readonly<Record<string, string>>; readonly stages: readonly Stage[] }

function instructionsOf(text: string): Instruction[] {
  const lines = text
    .split('\n')
    .filter((line) => !/^\s*(#|$)/.test(line))
    .join('\n')
    .replaceAll(/\\\n\s*/g, '')
    .split('\n')
  return lines.map((line) => {
    const found = /^(?<name>[A-Z]+) (?<rest>.+)$/.exec(line)
    if (found?.groups === undefined) throw new Error(`no instruction: ${line}`)
    return { name: String(found.groups['name']), rest: String(found.groups['rest']) }
  })
}

function stageOf(from: string, args: Readonly<Record<string, string>>): { base: string; name: string | undefined } {
  const [, base = '', name] = /^(\S+)(?: AS (\S+))?$/.exec(from) ?? []
  return { base: base.replaceAll(/\$\{(\w+)\}/g, (_whole, key: string) => args[key] ?? ''), name }
}

/** @throws on a line that is no instruction, or that stands before the first FROM and is no ARG */
export function parseDockerfile(text: string): Dockerfile {
  const args: Record<string, string> = {}
  const stages: (Stage & { instructions: Instruction[] })[] = []
  for (const instruction of instructionsOf(text)) {
    const current = stages.at(-1)
    if (instruction.name === 'FROM') stages.push({ ...stageOf(instruction.rest, args), instructions: [] })
    else if (current !== undefined) current.instructions.push(instruction)
    else if (instruction.name === 'ARG') {
      const [key = '', value = ''] = instruction.rest.split('=')
      args[key] = value
    } else throw new Error(`${instruction.name} before the first FROM`)
  }
  return { args, stages }
}

/** The rest of every instruction of that name. */
export function allOf({ instructions }: Stage, name: string): string[] {
  return instructions.filter((instruction) => instruction.name === name).map(({ rest }) => rest)
}

/** A COPY: where from (a stage, or the build's folder), what, and where to. */
export type Copy = { readonly stage: string | undefined; readonly sources: readonly string[]; readonly target: string }

export function copiesOf(stage: Stage): Copy[] {
  return allOf(stage, 'COPY').map((rest) => {
    const words = rest.split(/\s+/)
    const from = words[0]?.startsWith('--from=') === true ? words.shift()?.slice('--from='.length) : undefined
    return { stage: from, sources: words.slice(0, -1), target: words.at(-1) ?? '' }
  })
}
