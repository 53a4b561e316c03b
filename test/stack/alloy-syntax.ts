/**
 * Reads the syntax of Alloy as far as loki/config.alloy goes: blocks with and without a label, attributes, lists, objects,
 * texts, numbers, references, calls and `+`. Enough to find what is unbalanced, said twice, or refers to nothing.
 */
export type Value =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'number' | 'word'; readonly text: string }
  | { readonly kind: 'reference'; readonly path: readonly string[] }
  | { readonly kind: 'call'; readonly path: readonly string[]; readonly args: readonly Value[] }
  | { readonly kind: 'list'; readonly items: readonly Value[] }
  | { readonly kind: 'object'; readonly entries: ReadonlyMap<string, Value> }
  | { readonly kind: 'sum'; readonly terms: readonly Value[] }

export type Block = {
  readonly name: string
  readonly label: string | undefined
  readonly attributes: ReadonlyMap<string, Value>
  readonly blocks: readonly Block[]
}

type Token = { readonly kind: 'text' | 'number' | 'name' | 'sign' | 'line' | 'end'; readonly text: string; readonly line: number }

const lexer =
  /(?<space>[ \t\r]+|\/\/[^\n]*)|(?<line>\n)|(?<text>"(?:[^"\\\n]|\\["\\abfnrtv])*")|(?<number>\d+(?:\.\d+)?)|(?<name>[A-Za-z_]\w*)|(?<sign>[{}[\]().,=+])/y

function tokensOf(source: string): Token[] {
  const tokens: Token[] = []
  let line = 1
  lexer.lastIndex = 0
  while (lexer.lastIndex < source.length) {
    const found = lexer.exec(source)
    if (found === null) throw new Error(`line ${line}: cannot be read`)
    const [kind, text] = Object.entries(found.groups ?? {}).find(([, value]) => value !== undefined) ?? ['space', '']
    if (kind !== 'space') tokens.push({ kind: kind as Token['kind'], text: text ?? '', line })
    if (kind === 'line') line++
  }
  return [...tokens, { kind: 'end', text: 'the end', line }]
}

class Reader {
  readonly #tokens: readonly Token[]
  #at = 0

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens
  }

  peek(): Token {
    const token = this.#tokens[this.#at]
    if (token === undefined) throw new Error('read past the end')
    return token
  }

  next(): Token {
    const token = this.peek()
    this.#at++
    return token
  }

  fail(wanted: string): never {
    const { line, text } = this.peek()
    throw new Error(`line ${line}: ${wanted} was expected, not ${JSON.stringify(text)}`)
  }

  is(text: string): boolean {
    return this.peek().kind === 'sign' && this.peek().text === text
  }

  take(text: string): void {
    if (!this.is(text)) this.fail(text)
    this.next()
  }

  name(): string {
    if (this.peek().kind !== 'name') this.fail('a name')
    return this.next().text
  }

  skipLines(): void {
    while (this.peek().kind === 'line') this.next()
  }

  path(): string[] {
    const path = [this.name()]
    while (this.is('.')) {
      this.next()
      path.push(this.name())
    }
    return path
  }

  /** Statements up to `}` or the end, each on lines of its own. */
  body(isInner: boolean): Pick<Block, 'attributes' | 'blocks'> {
    const attributes = new Map<string, Value>()
    const blocks: Block[] = []
    for (this.skipLines(); isInner ? !this.is('}') : this.peek().kind !== 'end'; this.skipLines()) {
      const { line } = this.peek()
      const path = this.path()
      if (this.is('=')) {
        this.next()
        const name = path.join('.')
        if (path.length > 1 || attributes.has(name)) throw new Error(`line ${line}: ${name} is no attribute, or given twice`)
        attributes.set(name, this.value())
      } else blocks.push(this.block(path.join('.')))
      if (this.peek().kind !== 'line' && this.peek().kind !== 'end') this.fail('the end of the line')
    }
    return { attributes, blocks }
  }

  block(name: string): Block {
    const label = this.peek().kind === 'text' ? JSON.parse(this.next().text) : undefined
    this.take('{')
    const inner = this.body(true)
    this.take('}')
    return { name, label, ...inner }
  }

  value(): Value {
    const terms = [this.term()]
    while (this.is('+')) {
      this.next()
      terms.push(this.term())
    }
    const [only] = terms
    return terms.length === 1 && only !== undefined ? only : { kind: 'sum', terms }
  }

  term(): Value {
    const { kind, text } = this.peek()
    if (kind === 'text') return { kind, text: JSON.parse(this.next().text) }
    if (kind === 'number') return { kind, text: this.next().text }
    if (this.is('[')) return { kind: 'list', items: this.sequence('[', ']', () => this.value()) }
    if (this.is('{')) return { kind: 'object', entries: new Map(this.sequence('{', '}', () => this.entry())) }
    if (kind !== 'name') this.fail('a value')
    if (/^(true|false|null)$/.test(text)) return { kind: 'word', text: this.next().text }
    const path = this.path()
    return this.is('(') ? { kind: 'call', path, args: this.sequence('(', ')', () => this.value()) } : { kind: 'reference', path }
  }

  entry(): [string, Value] {
    const key: string = this.peek().kind === 'text' ? JSON.parse(this.next().text) : this.name()
    this.take('=')
    return [key, this.value()]
  }

  /** Items between commas. A line may only end after a comma or the opening sign. */
  sequence<T>(open: string, close: string, item: () => T): T[] {
    const items: T[] = []
    this.take(open)
    for (this.skipLines(); !this.is(close); this.skipLines()) {
      items.push(item())
      if (!this.is(',')) break
      this.next()
    }
    this.take(close)
    return items
  }
}

/** @throws naming the line that cannot be read */
export function parseAlloy(source: string): Pick<Block, 'attributes' | 'blocks'> {
  return new Reader(tokensOf(source)).body(false)
}

function within(value: Value): Value[] {
  switch (value.kind) {
    case 'call':
      return [value, ...value.args.flatMap(within)]
    case 'list':
      return [value, ...value.items.flatMap(within)]
    case 'sum':
      return [value, ...value.terms.flatMap(within)]
    case 'object':
      return [value, ...[...value.entries.values()].flatMap(within)]
    default:
      return [value]
  }
}

/** Every value in a block and in the blocks within it. */
export function valuesOf({ attributes, blocks }: Pick<Block, 'attributes' | 'blocks'>): Value[] {
  return [...[...attributes.values()].flatMap(within), ...blocks.flatMap(valuesOf)]
}
