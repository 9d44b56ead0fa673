import type { AccountReader } from '../../cloudinary/reader.ts'
import type { Vault } from '../../vault/vault.ts'

/** What a repair may reach for. */
export interface RepairHands {
  /** Other vaults that may hold the same objects, in the order in which they are asked. */
  readonly others: readonly { readonly name: string; readonly vault: Vault }[]
  /** The account of the credentials; null without any. */
  readonly reader: AccountReader | null
  /** The root folder of the vault, under which the library lies; null when it is on no disk. */
  readonly root: string | null
  /** Makes a library file show the object again; only for files that are there. */
  readonly relink: (place: { cloud: string; path: string; object: string; mtimeMs: number }) => Promise<void>
  /** For bodies on their way. */
  readonly scratch: string
}
