import { pino } from "pino";
import { parseOptions } from "./controller/options.ts";
import { runOperator } from "./controller/run.ts";

const stopping = new AbortController();
for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => stopping.abort());

let log = pino({ base: null, timestamp: pino.stdTimeFunctions.isoTime });
try {
	const settings = parseOptions(process.argv.slice(2), process.env);
	log = log.child({}, { level: settings.logLevel });
	await runOperator(settings, log, stopping.signal);
} catch (error) {
	log.fatal({ err: error }, error instanceof Error ? error.message : "the operator failed");
	process.exitCode = 1;
}
