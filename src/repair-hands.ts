import { lstat } from 'node:fs/promises'
import { join } from 'node:path'
import type { AccountReader } from './cloudinary/reader.ts'
import type { Context, ReaderListener } from './context.ts'
import { createLibraryTree } from './library-tree.ts'
import type { RepairHands } from './maintenance/repair/hands.ts'
import { AppError, isAppError } from './model/errors.ts'

/** Joins what a repair may reach for: other vaults, the account of the credentials if there are any, the library. */
export async function createRepairHands(
  context: Context,
  from: readonly string[],
  listen: ReaderListener,
): Promise<RepairHands> {
  const root = context.config.vault.path
  const others = await Promise.all(
    from.map(async (place) => ({ name: `the vault ${place}`, vault: await context.otherVault(place) })),
  )
  const itself = others.find(({ vault }) => vault.store.traits.localRoot === root)
  if (itself !== undefined) {
    throw new AppError('USAGE', `${itself.name} is the one to be repaired`, { hint: 'give another copy with --from' })
  }
  return {
    others,
    reader: readerOf(context, listen),
    root,
    scratch: context.scratch,
    relink: async ({ cloud, path, object, mtimeMs }) => {
      const found = await lstat(join(root, 'library', cloud, path)).catch(() => null)
      if (found?.isFile() !== true) return
      const tree = await createLibraryTree(root, cloud, context.config.allowCopies)
      await tree.place(path, object, mtimeMs)
    },
  }
}

function readerOf(context: Context, listen: ReaderListener): AccountReader | null {
  try {
    return context.reader(listen)
  } catch (error) {
    if (!isAppError(error, 'CREDENTIALS_MISSING')) throw error
    return null
  }
}
