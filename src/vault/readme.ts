export const README_KEY = 'README.txt'

export const README_TEXT = `This is a Cloudkeep vault: a copy of a Cloudinary account.
`
