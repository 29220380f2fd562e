/**
 * The scales on which loads are forecast: where noise grows with the load, differences mean the same at noon and at
 * night.
 */
export interface Scale {
  readonly name: string
  of(load: number): number
  back(value: number): number
}

/** Counts of independent arrivals: their spread is constant on it. */
export const rootScale: Scale = { name: 'root', of: Math.sqrt, back: (value) => (value > 0 ? value * value : 0) }

/** Loads that swing by factors: twenty times as much by day as by night. */
export const logScale: Scale = {
  name: 'log',
  of: (load) => Math.log(load + 1),
  back: (value) => Math.max(0, Math.exp(Math.min(value, 40)) - 1),
}
