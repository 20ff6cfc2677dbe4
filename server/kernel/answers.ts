// The forms that answers have in common (domain rules, section 1.4).
import { z } from 'zod'

/** A page of a list. */
export const pageOf = <Row extends z.ZodType>(row: Row) =>
  z.object({
    data: z.array(row),
    next_cursor: z
      .string()
      .nullable()
      .meta({ description: 'Goes into the next request as `cursor`; null on the last page' }),
    total: z.int().optional().meta({ description: 'With `include_total`' }),
  })

const outcome = {
  txid: z
    .int()
    .nullable()
    .meta({ description: 'The transaction as the shape log names it; null: no synced row changed' }),
  shapes: z.array(z.string()).optional().meta({ description: 'Shapes in whose logs the transaction appears' }),
  superseded: z
    .array(
      z.looseObject({ field: z.string(), your_value: z.unknown(), value: z.unknown(), by_id: z.uuid().nullable() }),
    )
    .optional()
    .meta({ description: 'Fields that were not stored, because somebody changed them later' }),
  warnings: z.array(z.string()).optional(),
}

/** What a write answers that gives back `data`. */
export const writeAnswer = (data: z.ZodType): z.ZodType => z.object({ data, ...outcome })
