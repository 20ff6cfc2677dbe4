// The content model of comments (TipTap JSON): which nodes, marks and attributes there are, and how they nest. Pure.
// Source: the domain rules, section 8.7; documents add headings, tables and drawings to it.

export interface Mark {
  readonly type: string
  readonly attrs?: Readonly<Record<string, unknown>>
}

export interface ContentNode {
  readonly type: string
  readonly attrs?: Readonly<Record<string, unknown>>
  readonly content?: readonly ContentNode[]
  readonly marks?: readonly Mark[]
  readonly text?: string
}

/** What is wrong with a document, and where. */
export interface ContentProblem {
  readonly path: string
  readonly code: 'bad_format' | 'too_long'
  readonly message: string
}

/** Marks from the outermost inward: the order in which they are stored and written. */
export const markOrder: readonly string[] = [
  'link',
  'textStyle',
  'highlight',
  'underline',
  'bold',
  'italic',
  'strike',
  'code',
]

export const contentLimits = { depth: 100, nodes: 50_000, text: 50_000, bytes: 256 * 1024 } as const

type Attribute = (value: unknown) => boolean

const text: Attribute = value => typeof value === 'string' && value.length <= 2000 && value.isWellFormed()
const optionalText: Attribute = value => value === null || value === undefined || text(value)
const flag: Attribute = value => typeof value === 'boolean'
const uuid: Attribute = value => typeof value === 'string' && /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(value)
const count: Attribute = value => Number.isInteger(value) && (value as number) >= 0 && (value as number) <= 1_000_000
const optionalCount: Attribute = value => value === null || value === undefined || count(value)
const align: Attribute = value =>
  value === null || value === undefined || ['left', 'center', 'right', 'justify'].includes(value as string)

const allowedSchemes = new Set(['http:', 'https:', 'mailto:', 'skerry-user:', 'skerry-file:'])

/** May a link lead there? http, https, mailto and the two schemes of our own. */
export const isAllowedHref = (href: unknown): boolean =>
  typeof href === 'string' && href.length <= 2000 && URL.canParse(href) && allowedSchemes.has(new URL(href).protocol)

interface NodeRule {
  /** Node types that may stand inside; 'inline' for text, breaks and mentions; undefined for none. */
  readonly content?: 'inline' | readonly string[]
  readonly attrs?: Readonly<Record<string, Attribute>>
}

const blocks = [
  'paragraph',
  'bulletList',
  'orderedList',
  'taskList',
  'codeBlock',
  'blockquote',
  'horizontalRule',
  'image',
] as const
const layout = { textAlign: align, indent: optionalCount }

const rules: Readonly<Record<string, NodeRule>> = {
  doc: { content: blocks },
  paragraph: { content: 'inline', attrs: layout },
  bulletList: { content: ['listItem'] },
  orderedList: { content: ['listItem'], attrs: { start: optionalCount, type: optionalText } },
  listItem: { content: blocks },
  taskList: { content: ['taskItem'] },
  taskItem: { content: blocks, attrs: { checked: flag } },
  codeBlock: { content: ['text'], attrs: { language: optionalText } },
  blockquote: { content: blocks },
  horizontalRule: {},
  image: { attrs: { attachmentId: uuid, alt: optionalText, width: optionalCount } },
  text: {},
  hardBreak: {},
  mention: { attrs: { id: uuid, label: text } },
}
const inline = ['text', 'hardBreak', 'mention']

const marks: Readonly<Record<string, Readonly<Record<string, Attribute>>>> = {
  bold: {},
  italic: {},
  strike: {},
  code: {},
  underline: {},
  link: { href: isAllowedHref, title: optionalText, target: optionalText, rel: optionalText, class: optionalText },
  highlight: { color: optionalText },
  textStyle: { color: optionalText },
}

class Checker {
  readonly problems: ContentProblem[] = []
  #nodes = 0
  #text = 0

  #say(path: string, message: string, code: ContentProblem['code'] = 'bad_format'): undefined {
    if (this.problems.length < 20) this.problems.push({ path, code, message })
    return undefined
  }

  #attrs(
    path: string,
    given: unknown,
    known: Readonly<Record<string, Attribute>>,
  ): Record<string, unknown> | undefined {
    if (given === undefined || given === null) return undefined
    if (typeof given !== 'object' || Array.isArray(given)) return this.#say(path, 'Attributes are an object.')
    const out: Record<string, unknown> = {}
    for (const [name, value] of Object.entries(given)) {
      const rule = known[name]
      if (!rule) this.#say(`${path}.${name}`, 'There is no such attribute here.')
      else if (!rule(value)) this.#say(`${path}.${name}`, 'The value is not allowed.')
      else if (value !== null && value !== undefined) out[name] = value
    }
    return out
  }

  #marks(path: string, given: unknown): Mark[] | undefined {
    if (given === undefined) return undefined
    if (!Array.isArray(given) || given.length > 20) return this.#say(path, 'Marks are a short list.')
    const out: Mark[] = []
    for (const [index, entry] of (given as unknown[]).entries()) {
      const mark = entry as Partial<Mark> | null
      const known = typeof mark?.type === 'string' && Object.hasOwn(marks, mark.type) ? marks[mark.type] : undefined
      if (!mark || !known) {
        this.#say(`${path}.${index}`, 'There is no such mark.')
        continue
      }
      const attrs = this.#attrs(`${path}.${index}.attrs`, mark.attrs, known)
      out.push({ type: mark.type as string, ...(attrs && Object.keys(attrs).length > 0 ? { attrs } : {}) })
    }
    return out.length > 0 ? out : undefined
  }

  /** A clean copy of `given`, or undefined with the problems noted. */
  node(path: string, given: unknown, allowed: readonly string[], depth: number): ContentNode | undefined {
    this.#nodes += 1
    if (depth > contentLimits.depth || this.#nodes > contentLimits.nodes) {
      return this.#say(path, 'The content is nested too deep or has too many parts.', 'too_long')
    }
    const node = given as Partial<ContentNode> | null
    if (typeof node !== 'object' || node === null || typeof node.type !== 'string' || !allowed.includes(node.type)) {
      return this.#say(path, `Here stands one of ${allowed.join(', ')}.`)
    }
    const rule = rules[node.type] ?? {}
    if (node.type === 'text') return this.#textNode(path, node)
    const attrs = this.#attrs(`${path}.attrs`, node.attrs, rule.attrs ?? {})
    for (const [name, check] of Object.entries(rule.attrs ?? {})) {
      if (attrs?.[name] === undefined && !check(undefined))
        this.#say(`${path}.attrs.${name}`, 'This attribute is needed.')
    }
    const children = node.content === undefined ? [] : node.content
    if (!Array.isArray(children)) return this.#say(`${path}.content`, 'Content is a list.')
    if (children.length > 0 && !rule.content) return this.#say(`${path}.content`, `${node.type} holds nothing.`)
    const inside = rule.content === 'inline' ? inline : (rule.content ?? [])
    const content: ContentNode[] = []
    for (const [index, child] of (children as unknown[]).entries()) {
      const clean = this.node(`${path}.content.${index}`, child, inside, depth + 1)
      if (clean) content.push(clean)
    }
    return {
      type: node.type,
      ...(attrs && Object.keys(attrs).length > 0 ? { attrs } : {}),
      ...(content.length > 0 ? { content } : {}),
    }
  }

  #textNode(path: string, node: Partial<ContentNode>): ContentNode | undefined {
    if (typeof node.text !== 'string' || node.text === '' || !node.text.isWellFormed() || node.text.includes('\0')) {
      return this.#say(`${path}.text`, 'Text is a non-empty string.')
    }
    this.#text += node.text.length
    if (this.#text > contentLimits.text) return this.#say(path, `At most ${contentLimits.text} characters.`, 'too_long')
    const list = this.#marks(`${path}.marks`, node.marks)
    return { type: 'text', text: node.text.normalize('NFC'), ...(list ? { marks: list } : {}) }
  }
}

/** Checks `given` against the model of comments; answers a clean copy, or everything that is wrong (first 20). */
export const checkContent = (
  given: unknown,
): { readonly content: ContentNode } | { readonly problems: readonly ContentProblem[] } => {
  const checker = new Checker()
  const content = checker.node('', given, ['doc'], 0)
  if (content && checker.problems.length === 0) {
    if (Buffer.byteLength(JSON.stringify(content)) <= contentLimits.bytes) return { content }
    return { problems: [{ path: '', code: 'too_long', message: 'The content is larger than 256 KiB.' }] }
  }
  return { problems: checker.problems.map(one => ({ ...one, path: one.path.replace(/^\./, '') })) }
}

/** An empty document: a comment that is only files. */
export const emptyContent: ContentNode = { type: 'doc' }
