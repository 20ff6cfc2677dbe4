// What the engine needs of the row filter language; sync/engine/shapes/where implements it.

export interface WhereColumn {
  readonly name: string
  readonly typeName: string
  readonly typeOid: number
  readonly typmod: number
  readonly typeKind: string
  readonly collationSafe: boolean
  readonly collationDeterministic: boolean
}

export interface CompiledWhere {
  readonly sql: string
  readonly identity: string
  readonly columns: readonly string[]
  readonly equalities: readonly { readonly column: string; readonly values: readonly string[] }[]
  compile(columnOrder: readonly string[]): (row: readonly (string | null)[]) => boolean
}

export type CompileWhere = (
  text: string,
  params: Readonly<Record<string, string>>,
  columns: readonly WhereColumn[],
) => Promise<CompiledWhere>
