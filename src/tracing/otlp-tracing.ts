import { AsyncLocalStorage } from "node:async_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { DiagLogLevel, diag, ROOT_CONTEXT, type Span, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { detectResources, envDetector, resourceFromAttributes } from "@opentelemetry/resources";
import { BatchSpanProcessor, TracerProvider } from "@opentelemetry/sdk-trace";
import type { Logger } from "pino";
import { version } from "../version.ts";
import type { Tracing } from "./tracing.ts";

const service = "xmpp-federation-operator";
/** Milliseconds for the last spans when the operator stops. */
const lastWords = 3_000;

/**
 * Sends spans as OTLP over HTTP, in JSON, in batches. Where to, with which headers and certificates: the exporter reads
 * OTEL_EXPORTER_OTLP_*; OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES go before what is set here.
 *
 * What cannot be sent is told in the log and dropped: nothing waits for it.
 */
export function otlpTracing(instance: string, log: Logger): Tracing {
	tellProblems(log);
	const own = { "service.name": service, "service.version": version, "service.instance.id": instance };
	const resource = resourceFromAttributes(own).merge(detectResources({ detectors: [envDetector] }));
	const spanProcessors = [new BatchSpanProcessor({ exporter: new OTLPTraceExporter() })];
	const provider = new TracerProvider({ resource, spanProcessors });
	const tracer = provider.getTracer(service, version);
	const current = new AsyncLocalStorage<Span>();

	const start = (name: string, options: Parameters<typeof tracer.startSpan>[1]) => {
		const parent = current.getStore();
		return tracer.startSpan(name, options, parent ? trace.setSpan(ROOT_CONTEXT, parent) : ROOT_CONTEXT);
	};
	return {
		async span(name, attributes, work) {
			const span = start(name, { attributes });
			try {
				return await current.run(span, async () => await work((more) => void span.setAttributes(more)));
			} catch (error) {
				// Its message may have what somebody wrote into a resource.
				span.setStatus({ code: SpanStatusCode.ERROR, message: error instanceof Error ? error.name : "" });
				throw error;
			} finally {
				span.end();
			}
		},
		request({ verb, resource: kind, status, seconds }) {
			if (!current.getStore()) return;
			const attributes = { "k8s.verb": verb, "k8s.resource": kind, "http.response.status_code": status };
			const end = Date.now();
			const startTime = end - seconds * 1000;
			const span = start(`${verb} ${kind}`, { kind: SpanKind.CLIENT, startTime, attributes });
			if (status === 0 || status >= 400) span.setStatus({ code: SpanStatusCode.ERROR });
			span.end(end);
		},
		async stop() {
			await Promise.race([provider.shutdown(), sleep(lastWords, undefined, { ref: false })]);
		},
	};
}

/** Says the same once, as long as nothing else is wrong. */
function tellProblems(log: Logger): void {
	let last = "";
	const tell = (message: string, ...more: readonly unknown[]) => {
		if (message === last) return;
		last = message;
		log.warn({ details: more.map(String) }, `tracing: ${message}`);
	};
	const quiet = () => {};
	diag.setLogger({ error: tell, warn: tell, info: quiet, debug: quiet, verbose: quiet }, DiagLogLevel.WARN);
}
