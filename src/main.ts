import { pino } from "pino";
import { parseOptions } from "./controller/options.ts";
import { runOperator } from "./controller/run.ts";
import { loadKubeConfig } from "./kubernetes/connection.ts";
import { OperatorProcess } from "./kubernetes/operator-process.ts";

const log = pino({ base: null, timestamp: pino.stdTimeFunctions.isoTime });
try {
	const settings = parseOptions(process.argv.slice(2), process.env);
	log.level = settings.logLevel;
	const kubeConfig = loadKubeConfig(settings);
	const work = (stopping: AbortSignal) => runOperator(settings, kubeConfig, log, stopping);
	process.exit(await new OperatorProcess({ kubeConfig, log, work }).runUntilSignal());
} catch (error) {
	log.fatal({ err: error }, error instanceof Error ? error.message : "the operator could not be started");
	process.exit(1);
}
