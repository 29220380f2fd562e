// Loaded into a gateway to see what it holds rather than what waits for the collector: a full collection every few
// milliseconds, or every `?ms=` of its URL.
setInterval(() => globalThis.gc(), Number(new URL(import.meta.url).searchParams.get('ms') ?? 5)).unref()
