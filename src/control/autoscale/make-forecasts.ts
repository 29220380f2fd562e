/** The forecasts a policy would have had: minute by minute, from what came before. */
import { type Forecast, Forecaster } from '../../observe/forecast/forecaster.ts'

/** For each of the start times, by the minute in which the forecast is made: of the minute `startMin` + 1 later. */
export function makeForecasts(loads: Float64Array, startMins: readonly number[]): (Forecast | undefined)[][] {
  const forecaster = new Forecaster(
    1,
    startMins.map((min) => min + 1),
  )
  const made: (Forecast | undefined)[][] = startMins.map(() => [])
  for (const load of loads) for (const [index, forecast] of forecaster.step(load).entries()) made[index]?.push(forecast)
  return made
}
