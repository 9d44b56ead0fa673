/**
 * A cloud name becomes a folder of the vault and of the library, so only what Cloudinary gives out is accepted:
 * letters, digits, `-` and `_`.
 */
export const isCloudName = (text: string): boolean => /^[A-Za-z0-9_-]{1,128}$/.test(text)
