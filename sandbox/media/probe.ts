import type { Content } from '../state.ts'
import { audioHeader } from './audio-headers.ts'
import { imageHeader, pdf } from './image-headers.ts'
import { isoMedia, otherVideo } from './video-headers.ts'

/** What the bytes of a file say about it. Null where the format does not say, or nobody looks so deep. */
export interface Probe {
  readonly resourceType: 'image' | 'video'
  /** In Cloudinary's spelling: jpg, tiff, mp4. */
  readonly format: string
  readonly width: number | null
  readonly height: number | null
  /** Of a PDF. */
  readonly pages: number | null
  /** Seconds. */
  readonly duration: number | null
  readonly isAudio: boolean
}

/** Enough for a JPEG with a big Exif block before its frame. */
const HEAD = 256 * 1024
/** Page objects are all over a PDF; beyond this the count is what the head shows. */
const PDF_READ = 16 * 1024 * 1024

/** Looks into the bytes, never at a name. Null for what is neither image, video nor sound: that can only be raw. */
export const probe = (content: Content): Probe | null => {
  if (content.size === 0) return null
  const head = content.read(0, Math.min(content.size, HEAD) - 1)
  if (head.toString('latin1', 0, 5) === '%PDF-') {
    return pdf(content.read(0, Math.min(content.size, PDF_READ) - 1).toString('latin1'))
  }
  return imageHeader(head) ?? isoMedia(content, head) ?? otherVideo(head) ?? audioHeader(content, head)
}
