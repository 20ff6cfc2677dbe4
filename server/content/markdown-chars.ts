// Classes of characters as CommonMark has them. Pure.

/** Is it white space (or the edge of the text, given as '')? */
export const isSpace = (character: string): boolean => character === '' || /^\s$/u.test(character)

/** Is it punctuation or a symbol? */
export const isPunctuation = (character: string): boolean => /^[\p{P}\p{S}]$/u.test(character)

/** May a backslash stand before it? */
export const isEscapable = (character: string): boolean => /^[!-/:-@[-`{-~]$/.test(character)
