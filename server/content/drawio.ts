// A draw.io drawing (mxGraph XML) → its shape labels and its connections. Pure. Only labels are taken from the XML; it
// is scanned, never rendered, and entities of its own are not expanded.
import { inflateRawSync } from 'node:zlib'
import { decodeEntities } from './entities.ts'

/** One connection between shapes, by their labels. */
export interface Connection {
  readonly source: string
  readonly target: string
  readonly label: string
}

/** What a drawing says. */
export interface Drawing {
  readonly labels: readonly string[]
  readonly connections: readonly Connection[]
}

/** Bytes that a compressed drawing may unfold to. */
const unfoldedLimit = 20 * 1024 * 1024

interface Tag {
  readonly name: string
  readonly attrs: ReadonlyMap<string, string>
  readonly opens: boolean
  readonly closes: boolean
}

const tagPattern = /<(\/?)([A-Za-z_][\w:.-]*)((?:\s+[\w:.-]+\s*=\s*(?:"[^"<]*"|'[^'<]*'))*)\s*(\/?)>/y
const attributePattern = /([\w:.-]+)\s*=\s*(?:"([^"]*)"|'([^']*)')/g
const skipPattern = /(?:<!--[\s\S]*?-->|<\?[\s\S]*?\?>|<!DOCTYPE[^>[]*>|[^<]+)/y

/** The tags of well-formed XML in order; undefined when it is not. */
const tagsOf = (xml: string): Tag[] | undefined => {
  const tags: Tag[] = []
  const open: string[] = []
  let at = 0
  while (at < xml.length) {
    skipPattern.lastIndex = at
    if (skipPattern.test(xml)) {
      at = skipPattern.lastIndex
      continue
    }
    tagPattern.lastIndex = at
    const found = tagPattern.exec(xml)
    if (!found) return undefined
    at = tagPattern.lastIndex
    const [, slash, name = '', attributes = '', end] = found
    const closes = slash === '/' || end === '/'
    if (slash !== '/') open.push(name)
    if (closes && open.pop() !== name) return undefined
    const attrs = new Map<string, string>()
    for (const [, key = '', quoted, single] of attributes.matchAll(attributePattern)) {
      attrs.set(key, decodeEntities(quoted ?? single ?? ''))
    }
    tags.push({ name, attrs, opens: slash !== '/', closes })
  }
  return open.length === 0 && tags.length > 0 ? tags : undefined
}

const unfold = (xml: string): string => {
  const packed = /<diagram\b[^<>]*>([A-Za-z0-9+/=\s]{8,})<\/diagram>/.exec(xml)?.[1]
  if (packed === undefined) return xml
  const bytes = inflateRawSync(Buffer.from(packed, 'base64'), { maxOutputLength: unfoldedLimit })
  return decodeURIComponent(bytes.toString('latin1'))
}

/** A label as one line of text: labels are HTML in draw.io. */
const labelText = (value: string): string =>
  decodeEntities(value.replace(/<br\s*\/?>|<\/(?:div|p|li)>/gi, ' ').replace(/<[a-z/!][^<>]*>/gi, ''))
    .replace(/\s+/g, ' ')
    .trim()

interface Cell {
  readonly id: string
  readonly label: string
  readonly edge: boolean
  readonly source: string
  readonly target: string
}

const cellsOf = (tags: readonly Tag[]): Cell[] => {
  const cells: Cell[] = []
  let wrapper: Tag | undefined
  for (const tag of tags) {
    if (tag.name === 'UserObject' || tag.name === 'object') wrapper = tag.opens && !tag.closes ? tag : undefined
    if (tag.name !== 'mxCell' || !tag.opens) continue
    cells.push({
      id: wrapper?.attrs.get('id') ?? tag.attrs.get('id') ?? '',
      label: labelText(wrapper?.attrs.get('label') ?? tag.attrs.get('value') ?? ''),
      edge: tag.attrs.get('edge') === '1',
      source: tag.attrs.get('source') ?? '',
      target: tag.attrs.get('target') ?? '',
    })
  }
  return cells
}

/** The drawing in `xml`; undefined when it cannot be read. */
export const readDrawing = (xml: unknown): Drawing | undefined => {
  if (typeof xml !== 'string') return undefined
  try {
    const tags = tagsOf(unfold(xml))
    if (!tags) return undefined
    const cells = cellsOf(tags)
    const labels = new Map(cells.map(cell => [cell.id, cell.label]))
    return {
      labels: cells.filter(cell => !cell.edge && cell.label !== '').map(cell => cell.label),
      connections: cells
        .filter(cell => cell.edge)
        .map(cell => ({
          source: labels.get(cell.source) || '?',
          target: labels.get(cell.target) || '?',
          label: cell.label,
        })),
    }
  } catch {
    // neither base64 nor deflate, or too large when unfolded
    return undefined
  }
}
