import type { Logger } from "pino";
import type { RequestRecord } from "../kubernetes/requests.ts";

/** Names and numbers only: what federations keep secret is no attribute, and neither is the text of an error. */
export type SpanAttributes = Readonly<Record<string, string | number>>;

/** Tells where the time of reconciles goes: spans of OpenTelemetry. */
export interface Tracing {
	/**
	 * Runs a piece of work as a span below the one that it is called in. `note` adds attributes that are known later. What
	 * is thrown fails the span and goes on to the caller.
	 */
	span<T>(
		name: string,
		attributes: SpanAttributes,
		work: (note: (more: SpanAttributes) => void) => Promise<T>,
	): Promise<T>;
	/** A request to the API server that has just ended, below the span that it was made in; outside of any none is told. */
	request(record: RequestRecord): void;
	/** Sends what has not been sent, for some seconds at most. */
	stop(): Promise<void>;
}

export const noTracing: Tracing = {
	span: async (_name, _attributes, work) => await work(() => {}),
	request: () => {},
	stop: async () => {},
};

/**
 * Tracing as the environment variables of OpenTelemetry ask for it; none where they name no endpoint. Only then the
 * libraries are loaded.
 *
 * @param instance names this process among replicas
 */
export async function startTracing(environment: NodeJS.ProcessEnv, instance: string, log: Logger): Promise<Tracing> {
	if (!isAskedFor(environment)) return noTracing;
	const { otlpTracing } = await import("./otlp-tracing.ts");
	return otlpTracing(instance, log);
}

export function isAskedFor(environment: NodeJS.ProcessEnv): boolean {
	if (environment["OTEL_SDK_DISABLED"]?.toLowerCase() === "true") return false;
	if (environment["OTEL_TRACES_EXPORTER"] === "none") return false;
	return Boolean(environment["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"] || environment["OTEL_EXPORTER_OTLP_ENDPOINT"]);
}
