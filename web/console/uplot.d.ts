/** The types of the module that is asked for by its file. */
declare module 'uplot/dist/uPlot.esm.js' {
  export { default } from 'uplot'
}
