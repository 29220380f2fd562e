/** Forgets of a map what is not there any more. */
export function keepOnly(map: Map<string, unknown>, names: { has(name: string): boolean }): void {
  for (const name of map.keys()) if (!names.has(name)) map.delete(name)
}
