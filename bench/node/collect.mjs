// Loaded into a gateway to see what it holds rather than what waits for the collector: a full collection every few milliseconds.
setInterval(() => globalThis.gc(), 5).unref()
