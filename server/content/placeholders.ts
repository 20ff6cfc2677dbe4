// Placeholders in the content of a template: {{title}}, {{date}}, {{author}}. Pure.
import type { ContentNode } from './model.ts'

export interface Placeholders {
  readonly title: string
  /** `YYYY-MM-DD` */
  readonly date: string
  readonly author: string
}

/**
 * `content` with the placeholders in its texts replaced; what is filled in is not looked at again. One that is cut by a
 * mark stays as it is.
 */
export const fillPlaceholders = (content: ContentNode, values: Placeholders): ContentNode => ({
  ...content,
  ...(content.text === undefined
    ? {}
    : {
        text: content.text.replace(/\{\{(title|date|author)\}\}/g, (_all, name: keyof Placeholders) => values[name]),
      }),
  ...(content.content === undefined ? {} : { content: content.content.map(child => fillPlaceholders(child, values)) }),
})

/** The day that `at` is in a time zone (IANA name), `YYYY-MM-DD`. */
export const dayIn = (timeZone: string, at: Date): string =>
  // Swedes write their dates as ISO 8601 does
  new Intl.DateTimeFormat('sv-SE', { timeZone }).format(at)
