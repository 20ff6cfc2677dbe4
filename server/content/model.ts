// The content model (TipTap JSON) of documents and comments: which nodes, marks and attributes there are. Pure.
// Source: the domain rules, section 8.7. What checks content against it is check.ts.

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

/** Documents have all of it; comments no headings, tables and drawings. */
export type ContentModel = 'document' | 'comment'

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

/**
 * Bounds of all content: levels, nodes; of the text attributes of one node; of a drawing. Of Markdown: the cells that its
 * tables may have, with those that short rows leave out.
 */
export const contentLimits = {
  depth: 100,
  nodes: 50_000,
  attribute: 2000,
  drawing: 5 * 1024 * 1024,
  tableCells: 200_000,
} as const

/** Bounds of one model: characters of text, and bytes as JSON. */
export const modelLimits: Readonly<Record<ContentModel, { readonly text: number; readonly bytes: number }>> = {
  comment: { text: 50_000, bytes: 256 * 1024 },
  document: { text: 10 * 1024 * 1024, bytes: 10 * 1024 * 1024 },
}

/** Is the value of an attribute allowed? `undefined` asks whether it may be absent. */
export type Attribute = (value: unknown) => boolean

const textUpTo =
  (limit: number): Attribute =>
  value =>
    typeof value === 'string' && value.length <= limit && value.isWellFormed() && !value.includes('\0')
const absent: Attribute = value => value === null || value === undefined
const optional =
  (check: Attribute): Attribute =>
  value =>
    absent(value) || check(value)
const integer =
  (from: number, to: number): Attribute =>
  value =>
    Number.isInteger(value) && (value as number) >= from && (value as number) <= to

const text = textUpTo(contentLimits.attribute)
const optionalText = optional(text)
const flag: Attribute = value => typeof value === 'boolean'
const uuid: Attribute = value => typeof value === 'string' && /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(value)
const optionalCount = optional(integer(0, 1_000_000))
const align = optional(value => ['left', 'center', 'right', 'justify'].includes(value as string))
const columnWidths = optional(
  value => Array.isArray(value) && value.length <= 1000 && value.every(optional(integer(0, 100_000))),
)

const allowedSchemes = new Set(['http:', 'https:', 'mailto:', 'skerry-user:', 'skerry-file:'])

/** May a link lead there? http, https, mailto and the two schemes of our own. */
export const isAllowedHref = (href: unknown): boolean =>
  typeof href === 'string' &&
  href.length <= contentLimits.attribute &&
  URL.canParse(href) &&
  allowedSchemes.has(new URL(href).protocol)

/** What may stand in a node, and what must. */
export interface NodeRule {
  /** Node types that may stand inside; 'inline' for text, breaks and mentions; undefined for none. */
  readonly content?: 'inline' | readonly string[]
  readonly attrs?: Readonly<Record<string, Attribute>>
  /**
   * What editors need in it, and drop it without: a paragraph first or any block (an empty paragraph is added then), or
   * a child of its own kind (its absence is a problem).
   */
  readonly needs?: 'paragraph' | 'block' | 'child'
}

const layout = { textAlign: align, indent: optional(integer(0, 100)) }

const commentBlocks = [
  'paragraph',
  'bulletList',
  'orderedList',
  'taskList',
  'codeBlock',
  'blockquote',
  'horizontalRule',
  'image',
] as const
const documentBlocks = [...commentBlocks, 'heading', 'table', 'drawio'] as const

const rulesWith = (blocks: readonly string[]): Readonly<Record<string, NodeRule>> => ({
  doc: { content: blocks },
  paragraph: { content: 'inline', attrs: layout },
  bulletList: { content: ['listItem'], needs: 'child' },
  orderedList: { content: ['listItem'], attrs: { start: optionalCount, type: optionalText }, needs: 'child' },
  listItem: { content: blocks, needs: 'paragraph' },
  taskList: { content: ['taskItem'], needs: 'child' },
  taskItem: { content: blocks, attrs: { checked: flag }, needs: 'paragraph' },
  codeBlock: { content: ['text'], attrs: { language: optionalText } },
  blockquote: { content: blocks, needs: 'block' },
  horizontalRule: {},
  image: { attrs: { attachmentId: uuid, alt: optionalText, width: optionalCount } },
  text: {},
  hardBreak: {},
  mention: { attrs: { id: uuid, label: text } },
})

const cell: NodeRule = {
  content: documentBlocks,
  attrs: {
    colspan: optional(integer(1, 100)),
    rowspan: optional(integer(1, 1000)),
    colwidth: columnWidths,
    align: optionalText,
  },
  needs: 'block',
}

/** The nodes of each model. */
export const nodeRules: Readonly<Record<ContentModel, Readonly<Record<string, NodeRule>>>> = {
  comment: rulesWith(commentBlocks),
  document: {
    ...rulesWith(documentBlocks),
    heading: { content: 'inline', attrs: { level: integer(1, 6), ...layout } },
    table: { content: ['tableRow'], needs: 'child' },
    tableRow: { content: ['tableHeader', 'tableCell'], needs: 'child' },
    tableHeader: cell,
    tableCell: cell,
    drawio: { attrs: { attachmentId: optional(uuid), xml: optional(textUpTo(contentLimits.drawing)) } },
  },
}

/** What stands in a line of text. */
export const inlineTypes: readonly string[] = ['text', 'hardBreak', 'mention']

/** The marks of both models, with their attributes. */
export const markRules: Readonly<Record<string, Readonly<Record<string, Attribute>>>> = {
  bold: {},
  italic: {},
  strike: {},
  code: {},
  underline: {},
  link: { href: isAllowedHref, title: optionalText, target: optionalText, rel: optionalText, class: optionalText },
  highlight: { color: optionalText },
  textStyle: { color: optionalText, backgroundColor: optionalText, fontFamily: optionalText, fontSize: optionalText },
}

/** An empty document: a comment that is only files. */
export const emptyContent: ContentNode = { type: 'doc' }
