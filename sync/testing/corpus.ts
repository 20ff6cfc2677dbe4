// The recorded behaviour of Electric, which lies beside the checkout: where it is, its lines, the tables its requests
// ask for. Tests that need it say so in their name when it is not there.
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { inject } from 'vitest'

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..')
const electric = join(process.env['SKERRY_SHARED'] ?? join(root, '../shared'), 'electric')
const folder = join(electric, 'corpus')

/** Why a test of the corpus cannot run, to be put behind its name; empty when it can. */
export const corpusReason = (): string =>
  existsSync(join(folder, 'meta.json'))
    ? inject('postgresMajor') < 18
      ? ' (NOT RUN: recorded on 18)'
      : ''
    : ` (NOT RUN: no corpus in ${folder}, set SKERRY_SHARED)`

/** A file of the corpus as text. */
export const corpusText = (file: string): string => readFileSync(join(folder, file), 'utf8')

/** The lines of a .jsonl file. */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- the caller knows what the file holds
export const corpusLines = <T>(file: string): readonly T[] =>
  corpusText(file)
    .trim()
    .split('\n')
    .map(line => JSON.parse(line) as T)

/** The tables that the recorded requests name; their columns follow the recorded `electric-schema`. */
export const corpusTables = `
  create type corpus_mood as enum ('sad', 'ok', 'happy');
  create table corpus_items (id int4 primary key, title text not null, n int4, e corpus_mood, "Quoted" text);
  insert into corpus_items values (1, 'a', 1, 'ok', 'q'), (2, 'b', 2, 'sad', null), (3, 'c', 3, null, 'Q');
  create table corpus_comp (a text, b int4, v text, primary key (b, a));
  insert into corpus_comp values ('x/y', 1, 'v');
  create table corpus_nopk (a int4, b text);
  insert into corpus_nopk values (1, null), (1, 'x');
  create table corpus_gen (id int4 primary key, a int4, b int4 generated always as (a * 2) stored);
  create table "corpus_Odd.Name" ("Id" int4 primary key, "has,comma" text, "has""quote" text, "sp ace" text, "ünï" text);
  insert into "corpus_Odd.Name" values (1, 'c', 'q', 's', 'u');
  create table corpus_part (id int4 primary key, t text) partition by range (id);
  create table corpus_part_a partition of corpus_part for values from (0) to (1000);
  create table corpus_empty (id int4 primary key, t text);
  create schema corpus_s;
  create table corpus_s.tbl (id int4 primary key);
  create view corpus_view as select * from corpus_items;`

/** A request of a transcript and what Electric said. */
export interface TranscribedRequest {
  readonly line: string
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
  readonly status: number
  readonly replyHeaders: Readonly<Record<string, string>>
  readonly replyBody: string
}

// Each word stands in quotes, without a shell's care for quotes inside.
const argumentsOf = (line: string): string[] => line.trim().slice(1, -1).split("' '")

/** The `curl` requests of a transcript, in order. */
export const transcript = (file: string): readonly TranscribedRequest[] =>
  readFileSync(join(electric, 'transcripts', file), 'utf8')
    .split('\n$ curl -i ')
    .slice(1)
    .map(block => {
      const [line = '', statusLine = '', ...rest] = block.split('\n')
      const words = argumentsOf(line)
      const headers: Record<string, string> = {}
      let method = 'GET'
      let url = ''
      let body: string | undefined
      const query: string[] = []
      for (let i = 0; i < words.length; i++) {
        const word = words[i] ?? ''
        if (word === '-X') method = words[++i] ?? ''
        else if (word === '-I') method = 'HEAD'
        else if (word === '-m') i++
        else if (word === '--data') body = words[++i]
        else if (word === '-H') {
          const [name = '', value = ''] = (words[++i] ?? '').split(/: ?(.*)/s)
          headers[name.toLowerCase()] = value
        } else if (word === '--data-urlencode') {
          const [name = '', value = ''] = (words[++i] ?? '').split(/=(.*)/s)
          query.push(`${encodeURIComponent(name)}=${encodeURIComponent(value)}`)
        } else if (word.startsWith('http')) url = word
      }
      const blank = rest.indexOf('')
      const replyHeaders = Object.fromEntries(
        rest.slice(0, blank).map(header => {
          const [name = '', value = ''] = header.split(/: ?(.*)/s)
          return [name.toLowerCase(), value] as const
        }),
      )
      const path = url.replace(/^http:\/\/[^/]+/, '') + (query.length === 0 ? '' : `?${query.join('&')}`)
      return {
        line,
        method,
        path,
        headers,
        ...(body === undefined ? {} : { body }),
        status: Number(statusLine.split(' ')[1]),
        replyHeaders,
        replyBody: (
          rest
            .slice(blank + 1)
            .join('\n')
            .split('\n[curl exit')[0] ?? ''
        ).trim(),
      }
    })
