// What somebody says in a comment, on a task or on a document: from JSON or Markdown, checked, naming members only.
import { checkContent } from '#server/content/check.ts'
import { markdownToContent, UnreadableMarkdown } from '#server/content/markdown.ts'
import type { ContentNode } from '#server/content/model.ts'
import { keepMentions, mentionedIds, plainText } from '#server/content/text.ts'
import type { WriteContext } from '#server/kernel/command.ts'
import { invalid, invalidAt } from '#server/kernel/errors.ts'
import { must } from '#server/kernel/must.ts'
import { membersAmong } from './mentions.ts'

interface BodyInput {
  readonly body?: Record<string, unknown> | undefined
  readonly body_markdown?: string | undefined
}

export interface Body {
  readonly content: ContentNode
  readonly text: string
  /** Members who are named. */
  readonly people: readonly string[]
}

const fromMarkdown = (markdown: string): ContentNode => {
  try {
    return markdownToContent(markdown)
  } catch (error) {
    if (error instanceof UnreadableMarkdown) throw invalidAt('body_markdown', 'too_long', error.message)
    throw error
  }
}

const contentOf = (input: BodyInput): ContentNode => {
  const field = input.body === undefined ? 'body_markdown' : 'body'
  const checked = checkContent(input.body ?? fromMarkdown(must(input.body_markdown)))
  if ('problems' in checked) {
    throw invalid(checked.problems.map(one => ({ ...one, path: one.path === '' ? field : `${field}.${one.path}` })))
  }
  return checked.content
}

/**
 * The body that `input` gives. Mentions of people who are not members of the application become plain text; where there
 * is none (personal documents), all do. 422 for content that is not valid, or empty.
 */
export const readBody = async (
  context: WriteContext,
  applicationId: string | null,
  input: BodyInput,
): Promise<Body> => {
  const given = contentOf(input)
  const named = mentionedIds(given)
  const known = new Set(applicationId === null ? [] : await membersAmong(context, applicationId, named))
  const content = keepMentions(given, id => known.has(id))
  const text = plainText(content)
  if (text === '' && !JSON.stringify(content).includes('"image"')) {
    throw invalidAt('body', 'too_short', 'A comment needs a text.')
  }
  return { content, text, people: named.filter(id => known.has(id)) }
}
