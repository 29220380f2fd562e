/** What an objective can be about (service level indicators). */

export const sliNames = ['availability', 'firstToken', 'interToken', 'continuation', 'resume', 'site'] as const
export type SliName = (typeof sliNames)[number]
