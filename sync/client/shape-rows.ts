// Values and keys of shape messages in the form the API gives them.

const timestamp = (value: string): string => {
  // 2026-11-25 10:00:00.123456+00
  const iso = value.replace(' ', 'T').replace(/([+-]\d\d)$/, '$1:00')
  const date = new Date(iso)
  return Number.isNaN(date.getTime()) ? value : date.toISOString()
}

/** For the official client: timestamps as ISO 8601 with milliseconds, bigint as number; so rows equal the API's. */
export const parser = { timestamptz: timestamp, int8: Number }

/** The primary key of `"public"."tasks"/"018f…"` as text; several columns stay joined. */
export const rowId = (key: string): string => {
  const start = key.indexOf('/"')
  return start < 0 ? key : key.slice(start + 2, -1)
}
