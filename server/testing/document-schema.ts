// The TipTap schema of documents: what an editor of Skerry's documents must be able to read. The model (content/model.ts)
// accepts nothing that this schema refuses; y-prosemirror deletes from the shared state what its editor's schema refuses.
import { Extension, getSchema, Node } from '@tiptap/core'
import { Highlight } from '@tiptap/extension-highlight'
import { TaskItem, TaskList } from '@tiptap/extension-list'
import { Table, TableCell, TableHeader, TableRow } from '@tiptap/extension-table'
import { TextAlign } from '@tiptap/extension-text-align'
import { TextStyleKit } from '@tiptap/extension-text-style'
import type { Schema } from '@tiptap/pm/model'
import { StarterKit } from '@tiptap/starter-kit'

const plainAttributes = (...names: readonly string[]) =>
  Object.fromEntries(names.map(name => [name, { default: null }]))

/** Code that may be a link or bold as well, as in Markdown; TipTap's own excludes all other marks. */
const Kit = StarterKit.extend({
  addExtensions() {
    const list = this.parent?.() ?? []
    return list.map(one => (one.name === 'code' ? one.extend({ excludes: 'code' }) : one))
  },
})

/** An image of a stored file. */
const FileImage = Node.create({
  name: 'image',
  group: 'block',
  atom: true,
  addAttributes: () => plainAttributes('attachmentId', 'alt', 'width'),
})

/** A draw.io drawing: its source, and the file that shows it. */
const Drawing = Node.create({
  name: 'drawio',
  group: 'block',
  atom: true,
  addAttributes: () => plainAttributes('attachmentId', 'xml'),
})

/** A person in the text. */
const Mention = Node.create({
  name: 'mention',
  group: 'inline',
  inline: true,
  atom: true,
  addAttributes: () => plainAttributes('id', 'label'),
})

/** How far a block is moved in. */
const Indent = Extension.create({
  name: 'indent',
  addGlobalAttributes: () => [{ types: ['paragraph', 'heading'], attributes: { indent: { default: null } } }],
})

/** The extensions of an editor for documents, without its tools. */
export const documentExtensions = [
  Kit,
  TaskList,
  TaskItem.configure({ nested: true }),
  Table,
  TableRow,
  TableHeader,
  TableCell,
  Highlight.configure({ multicolor: true }),
  TextStyleKit,
  TextAlign.configure({ types: ['paragraph', 'heading'] }),
  FileImage,
  Drawing,
  Mention,
  Indent,
]

let made: Schema | undefined

/** The ProseMirror schema of documents; made at first use. */
export const documentSchema = (): Schema => (made ??= getSchema(documentExtensions))
