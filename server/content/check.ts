// Checks content against its model: what comes from outside becomes a clean copy, or a list of what is wrong. Pure.
import { echoed } from '#server/kernel/errors.ts'
import {
  type Attribute,
  type ContentModel,
  type ContentNode,
  contentLimits,
  inlineTypes,
  type Mark,
  markRules,
  modelLimits,
  nodeRules,
} from './model.ts'

/** What is wrong with a document, and where. */
export interface ContentProblem {
  readonly path: string
  readonly code: 'bad_format' | 'too_long'
  readonly message: string
}

class Checker {
  readonly problems: ContentProblem[] = []
  readonly #model: ContentModel
  #nodes = 0
  #text = 0

  constructor(model: ContentModel) {
    this.#model = model
  }

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
      if (!rule) this.#say(`${path}.${echoed(name)}`, 'There is no such attribute here.')
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
      const known =
        typeof mark?.type === 'string' && Object.hasOwn(markRules, mark.type) ? markRules[mark.type] : undefined
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
    const rule = nodeRules[this.#model][node.type] ?? {}
    if (node.type === 'text') return this.#textNode(path, node)
    const attrs = this.#attrs(`${path}.attrs`, node.attrs, rule.attrs ?? {})
    for (const [name, check] of Object.entries(rule.attrs ?? {})) {
      if (attrs?.[name] === undefined && !check(undefined))
        this.#say(`${path}.attrs.${name}`, 'This attribute is needed.')
    }
    const children = node.content === undefined ? [] : node.content
    if (!Array.isArray(children)) return this.#say(`${path}.content`, 'Content is a list.')
    if (children.length > 0 && !rule.content) return this.#say(`${path}.content`, `${node.type} holds nothing.`)
    const inside = rule.content === 'inline' ? inlineTypes : (rule.content ?? [])
    const content: ContentNode[] = []
    for (const [index, child] of (children as unknown[]).entries()) {
      const clean = this.node(`${path}.content.${index}`, child, inside, depth + 1)
      // editors refuse marks in a block of code
      if (clean && node.type === 'codeBlock') content.push({ type: 'text', text: clean.text ?? '' })
      else if (clean) content.push(clean)
    }
    if (rule.needs === 'child' && children.length === 0) this.#say(`${path}.content`, `${node.type} needs content.`)
    const lacks =
      (rule.needs === 'paragraph' && content[0]?.type !== 'paragraph') ||
      (rule.needs === 'block' && content.length === 0)
    if (lacks) content.unshift({ type: 'paragraph' })
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
    const limit = modelLimits[this.#model].text
    if (this.#text > limit) return this.#say(path, `At most ${limit} characters.`, 'too_long')
    const list = this.#marks(`${path}.marks`, node.marks)
    const text = node.text.normalize('NFC').replace(/[^\P{Cc}\t\n]/gu, '')
    // nothing but control characters: nothing to say, nothing wrong
    return text === '' ? undefined : { type: 'text', text, ...(list ? { marks: list } : {}) }
  }
}

/** Checks `given` against a model; answers a clean copy, or everything that is wrong (first 20). */
export const checkContent = (
  given: unknown,
  model: ContentModel = 'comment',
): { readonly content: ContentNode } | { readonly problems: readonly ContentProblem[] } => {
  const checker = new Checker(model)
  const content = checker.node('', given, ['doc'], 0)
  if (content && checker.problems.length === 0) {
    const { bytes } = modelLimits[model]
    if (Buffer.byteLength(JSON.stringify(content)) <= bytes) return { content }
    return { problems: [{ path: '', code: 'too_long', message: `The content is larger than ${bytes / 1024} KiB.` }] }
  }
  return { problems: checker.problems.map(one => ({ ...one, path: one.path.replace(/^\./, '') })) }
}
