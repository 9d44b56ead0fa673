import { fieldsOf, parseJson, text } from '../model/shape.ts'
import type { Vault } from '../vault/vault.ts'

/** The folders of a snapshot, sorted by path, the empty ones too; nothing when it has no list of them. */
export async function* folderPaths(
  vault: Pick<Vault, 'readLines'>,
  folders: string | null,
  signal: AbortSignal,
): AsyncIterable<string> {
  if (folders === null) return
  for await (const line of vault.readLines(folders, signal)) yield text(fieldsOf(parseJson(line), 'the folder'), 'path')
}
