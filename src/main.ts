import { pino } from "pino";
import { parseOptions } from "./controller/options.ts";
import { runOperator } from "./controller/run.ts";

const settings = parseOptions(process.argv.slice(2), process.env);
const log = pino({ level: settings.logLevel, base: null, timestamp: pino.stdTimeFunctions.isoTime });
const stopping = new AbortController();
for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => stopping.abort());
await runOperator(settings, log, stopping.signal);
