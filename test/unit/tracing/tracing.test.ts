import { pino } from "pino";
import { expect, onTestFinished, test, vi } from "vitest";
import { isAskedFor, noTracing, startTracing } from "../../../src/tracing/tracing.ts";
import { version } from "../../../src/version.ts";
import { TraceReceiver } from "../../lib/trace-receiver.ts";

const endpoint = "http://collector.example:4318";

test.each([
	["nothing is said", {}, false],
	["an endpoint", { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint }, true],
	["an endpoint for traces", { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: endpoint }, true],
	["an empty endpoint", { OTEL_EXPORTER_OTLP_ENDPOINT: "" }, false],
	["all is turned off", { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, OTEL_SDK_DISABLED: "true" }, false],
	["traces are turned off", { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, OTEL_TRACES_EXPORTER: "none" }, false],
])("whether it is asked for: %s", (_, environment, asked) => {
	expect(isAskedFor(environment)).toBe(asked);
});

test("without tracing the work is done all the same", async () => {
	expect(await noTracing.span("any", {}, async () => 7)).toBe(7);
});

async function traced() {
	const receiver = await TraceReceiver.start();
	onTestFinished(async () => await receiver[Symbol.asyncDispose]());
	vi.stubEnv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.url);
	vi.stubEnv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test");
	onTestFinished(() => void vi.unstubAllEnvs());
	return { receiver, tracing: await startTracing(process.env, "operator-1", pino({ level: "silent" })) };
}

test("spans stand below the one that they are called in; requests, too", async () => {
	const { receiver, tracing } = await traced();
	const request = { verb: "apply", resource: "services", status: 201, seconds: 0.5 } as const;
	await tracing.span("reconcile", { "xmppfed.federation": "example" }, async (note) => {
		await tracing.span("inputs", {}, async () => tracing.request({ ...request, status: 403 }));
		tracing.request(request);
		note({ "xmppfed.outcome": "success" });
	});
	tracing.request(request);
	await tracing.stop();
	const spans = receiver.spans();
	const named = (name: string, parent: string | undefined) =>
		spans.find((each) => each.name === name && each.parentSpanId === parent);
	const reconcile = named("reconcile", undefined);
	expect(reconcile?.attributes).toEqual({ "xmppfed.federation": "example", "xmppfed.outcome": "success" });
	const inputs = named("inputs", reconcile?.spanId);
	expect(named("apply services", inputs?.spanId)).toMatchObject({ status: { code: 2 } });
	const done = named("apply services", reconcile?.spanId);
	expect(done?.attributes).toEqual({
		"k8s.verb": "apply",
		"k8s.resource": "services",
		"http.response.status_code": 201,
	});
	expect(Number((done?.endTimeUnixNano ?? 0n) - (done?.startTimeUnixNano ?? 0n)) / 1e9).toBeCloseTo(0.5, 1);
	// That outside of a span is not told.
	expect(spans).toHaveLength(4);
	expect(new Set(spans.map(({ traceId }) => traceId)).size).toBe(1);
	expect(receiver.headers[0]).toMatchObject({ path: "/v1/traces", "content-type": "application/json" });
	expect(receiver.resources()[0]).toMatchObject({
		"service.name": "xmpp-federation-operator",
		"service.version": version,
		"service.instance.id": "operator-1",
		"deployment.environment.name": "test",
	});
});

test("what is thrown fails the span without its message, and goes on", async () => {
	const { receiver, tracing } = await traced();
	const failing = tracing.span("reconcile", {}, async () => {
		throw new TypeError("the secret is hunter2");
	});
	await expect(failing).rejects.toThrow("hunter2");
	await tracing.stop();
	expect(receiver.spans()).toMatchObject([{ name: "reconcile", status: { code: 2, message: "TypeError" } }]);
	expect(receiver.bodies.join()).not.toContain("hunter2");
});
