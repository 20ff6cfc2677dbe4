// Character references of HTML: numeric ones and the names that people type. Pure.

const names: ReadonlyMap<string, string> = new Map(
  Object.entries({
    amp: '&',
    lt: '<',
    gt: '>',
    quot: '"',
    apos: "'",
    nbsp: '\u00a0',
    ensp: '\u2002',
    emsp: '\u2003',
    thinsp: '\u2009',
    shy: '\u00ad',
    copy: '©',
    reg: '®',
    trade: '™',
    hellip: '…',
    ndash: '–',
    mdash: '—',
    lsquo: '‘',
    rsquo: '’',
    ldquo: '“',
    rdquo: '”',
    laquo: '«',
    raquo: '»',
    bull: '•',
    middot: '·',
    times: '×',
    divide: '÷',
    plusmn: '±',
    deg: '°',
    micro: 'µ',
    para: '¶',
    sect: '§',
    euro: '€',
    pound: '£',
    cent: '¢',
    yen: '¥',
    larr: '←',
    uarr: '↑',
    rarr: '→',
    darr: '↓',
    harr: '↔',
    check: '✓',
    le: '≤',
    ge: '≥',
    ne: '≠',
    auml: 'ä',
    ouml: 'ö',
    uuml: 'ü',
    Auml: 'Ä',
    Ouml: 'Ö',
    Uuml: 'Ü',
    szlig: 'ß',
    eacute: 'é',
    egrave: 'è',
    agrave: 'à',
    ccedil: 'ç',
    ntilde: 'ñ',
  }),
)

const control = /[^\P{Cc}\t\n]/u

/** The text of one reference such as `&amp;` or `&#65;`; undefined when it is none. */
export const entityText = (reference: string): string | undefined => {
  const numeric = /^&#(?:(\d{1,7})|[xX]([0-9a-fA-F]{1,6}));$/.exec(reference)
  if (!numeric) return names.get(reference.slice(1, -1))
  const code = numeric[1] === undefined ? Number.parseInt(numeric[2] ?? '', 16) : Number(numeric[1])
  if (code === 0 || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return '\ufffd'
  const text = String.fromCodePoint(code)
  return control.test(text) ? '\ufffd' : text
}

/** `text` with all references replaced that are known. */
export const decodeEntities = (text: string): string =>
  text.replace(/&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z]{2,8});/g, found => entityText(found) ?? found)
