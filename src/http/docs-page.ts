import { type Html, html } from './html.ts'
import type { OpenApiDocument, Operation, ParameterObject } from './openapi.ts'
import { page } from './page.ts'

/** Addresses that the page leads to. */
export type DocsLinks = { readonly openapi: string; readonly style: string; readonly home?: string }

/** The OpenAPI document as a page to read. It needs no script: what opens is the browser's own. */
export function docsPage(document: OpenApiDocument, links: DocsLinks): Html {
  const title = `${document.info.title} API`
  const operations = Object.entries(document.paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => ({ path, method, operation })),
  )
  operations.sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0))
  const sections = document.tags.map(({ name }) => {
    const own = operations.filter(({ operation }) => operation.tags.includes(name))
    return html`<h2 id="${anchorOf(name)}">${name}</h2>${own.map((each) => operationBlock(each.path, each.method, each.operation))}`
  })
  return page(
    title,
    links.style,
    html`<h1>${title}</h1>
<p class="faint">${document.info.description} Version ${document.info.version}.</p>
<nav>${document.tags.map(({ name }) => html`<a href="#${anchorOf(name)}">${name}</a>`)}<a href="#schemas">Schemas</a>
<a href="${links.openapi}">openapi.json</a>${links.home !== undefined && html`<a href="${links.home}">Home</a>`}</nav>
${sections}
<h2 id="schemas">Schemas</h2>
${Object.entries(document.components.schemas).map(([name, schema]) => schemaBlock(name, schema))}`,
  )
}

function operationBlock(path: string, method: string, operation: Operation): Html {
  const isOpen = operation.security?.length === 0
  return html`<details><summary><span class="method ${method}">${method}</span><code>${path}</code>
<span class="faint">${prose(operation.summary)}</span></summary><div class="body">
${parametersBlock(operation.parameters ?? [])}
${operation.requestBody !== undefined && html`<h3>Body</h3>${schemaLinks(operation.requestBody)}`}
<h3>Answers</h3><div class="scroll"><table>${Object.entries(operation.responses).map(([status, response]) => answerRow(status, response))}</table></div>
${isOpen && html`<h3>Open</h3>Needs no token.`}
</div></details>`
}

function parametersBlock(parameters: readonly ParameterObject[]): Html | undefined {
  if (parameters.length === 0) return undefined
  const rows = parameters.map(
    ({ name, in: place, description, schema }) =>
      html`<tr><td><code>${name}</code></td><td class="faint">${place}</td><td>${prose(description)} <span class="faint">${limitsOf(schema)}</span></td></tr>`,
  )
  return html`<h3>Arguments</h3><div class="scroll"><table>${rows}</table></div>`
}

function answerRow(status: string, response: unknown): Html {
  const { description, content } = response as { description: string; content?: Record<string, unknown> }
  const what = status === '200' ? Object.keys(content ?? {}).join(', ') : description
  return html`<tr><td><code>${status}</code></td><td>${what} ${status === '200' && schemaLinks(content)}</td></tr>`
}

/** Links to the schemas that something mentions. */
function schemaLinks(within: unknown): Html[] {
  const names = new Set([...JSON.stringify(within ?? {}).matchAll(/#\/components\/schemas\/(\w+)/g)].map(([, name = '']) => name))
  return [...names].map((name) => html` <a href="#schema-${name}">${name}</a>`)
}

function limitsOf(schema: unknown): string {
  const { enum: words, minimum, maximum, default: byDefault } = schema as Record<string, unknown>
  const range = maximum === undefined ? '' : `${String(minimum)}..${String(maximum)}`
  const said = [
    Array.isArray(words) ? words.join(' | ') : '',
    range,
    byDefault === undefined ? '' : `default ${String(byDefault)}`,
  ]
  return said.filter((part) => part !== '').join(', ')
}

function schemaBlock(name: string, schema: unknown): Html {
  return html`<details id="schema-${name}"><summary><code>${name}</code></summary>
<div class="body"><h3>JSON Schema</h3><pre><code>${JSON.stringify(schema, null, 2)}</code></pre></div></details>`
}

/** Text in which backticks mark code. */
function prose(text: string): Html[] {
  return text.split('`').map((part, i) => (i % 2 === 0 ? html`${part}` : html`<code>${part}</code>`))
}

function anchorOf(name: string): string {
  return name.toLowerCase().replaceAll(' ', '-')
}
