import { expect, onTestFinished, test } from "vitest";
import type { KubernetesClient } from "../../src/kubernetes/client.ts";
import { type EventLimits, EventRecorder, type EventToRecord } from "../../src/kubernetes/events.ts";
import { configMaps, events } from "../../src/kubernetes/resources.ts";
import { countingClient, eventually, freshNamespace, recordingLog, testClient } from "./support.ts";

async function setUp(limits: Partial<EventLimits> = {}) {
	const { client, requests } = countingClient();
	const namespace = await freshNamespace(client);
	const regarding = await client.create(configMaps, {
		apiVersion: "v1",
		kind: "ConfigMap",
		metadata: { name: "subject", namespace },
	});
	requests.length = 0;
	const { log, records } = recordingLog();
	const recorder = new EventRecorder({ client, log, controller: "xmppfed.dev/operator", instance: "test-0", limits });
	onTestFinished(async () => await recorder.stop());
	const restart: EventToRecord = {
		regarding,
		type: "Normal",
		reason: "NodeRestarting",
		action: "RestartNode",
		note: "node gw-1 is restarted: SecurityChanged",
	};
	return { client, requests, namespace, recorder, records, restart };
}

async function listEvents(client: KubernetesClient, namespace: string) {
	return (await client.list(events, { namespace })).items;
}

test("an event says who, what, why and about what; kubectl's older form of it is there, too", async () => {
	const { client, namespace, recorder, restart } = await setUp();
	recorder.record(restart);
	const [event] = await eventually(async () => {
		const found = await listEvents(client, namespace);
		return found.length > 0 && found;
	}, "the event");
	expect(event).toMatchObject({
		type: "Normal",
		reason: "NodeRestarting",
		action: "RestartNode",
		note: "node gw-1 is restarted: SecurityChanged",
		reportingController: "xmppfed.dev/operator",
		reportingInstance: "test-0",
		regarding: { kind: "ConfigMap", namespace, name: "subject", uid: restart.regarding.metadata.uid },
	});
	expect(event?.series).toBeUndefined();
});

test("the same event again becomes a series: one object, the count written at once and then seldom", async () => {
	const { client, requests, namespace, recorder, restart } = await setUp();
	recorder.record(restart);
	await eventually(() => requests.length === 1, "the first write");
	recorder.record(restart);
	await eventually(() => requests.length === 2, "the second write");
	for (let n = 0; n < 50; n++) recorder.record(restart);
	await recorder.stop();
	const found = await listEvents(client, namespace);
	expect(found).toHaveLength(1);
	expect(found[0]?.series?.count).toBe(52);
	expect(requests.filter(({ verb }) => verb !== "list").map(({ verb }) => verb)).toEqual(["create", "patch", "patch"]);
});

test("another reason, note or object is another event", async () => {
	const { client, namespace, recorder, restart } = await setUp();
	const other = await client.create(configMaps, {
		apiVersion: "v1",
		kind: "ConfigMap",
		metadata: { name: "other", namespace },
	});
	recorder.record(restart);
	recorder.record({ ...restart, note: "node gw-2 is restarted: SecurityChanged" });
	recorder.record({ ...restart, reason: "NodeBlocked", type: "Warning" });
	recorder.record({ ...restart, regarding: other, related: restart.regarding });
	await recorder.stop();
	expect(await listEvents(client, namespace)).toHaveLength(4);
});

test("after the window, or when the object has expired, the same event is a new object", async () => {
	const { client, requests, namespace, recorder, restart } = await setUp({ seriesWindow: 300 });
	recorder.record(restart);
	await eventually(() => requests.length === 1, "the first write");
	const [first] = await listEvents(client, namespace);
	await client.delete(events, namespace, first?.metadata.name ?? "");
	recorder.record(restart);
	const [second] = await eventually(async () => {
		const found = await listEvents(client, namespace);
		return found.length === 1 && found;
	}, "the event again");
	expect(second?.series?.count).toBe(2);
	await new Promise((resolve) => {
		setTimeout(resolve, 400);
	});
	recorder.record(restart);
	await eventually(async () => (await listEvents(client, namespace)).length === 2, "a second object");
});

test("a long note is cut at 1,024 bytes between characters", async () => {
	const { client, namespace, recorder, restart } = await setUp();
	recorder.record({ ...restart, note: "連".repeat(1000) });
	await recorder.stop();
	const [event] = await listEvents(client, namespace);
	expect(event?.note).toBe(`${"連".repeat(340)}…`);
});

test("the rate is bounded, and what waits is written later", async () => {
	const { requests, recorder, restart } = await setUp({ burst: 3, perSecond: 5 });
	const started = performance.now();
	for (let n = 0; n < 8; n++) recorder.record({ ...restart, note: `note ${n}` });
	await eventually(() => requests.length === 8, "all events");
	// Five more than the burst, at five a second.
	expect(performance.now() - started).toBeGreaterThan(900);
});

test("more different events than are kept in mind are dropped, and that is logged", async () => {
	const { client, namespace, recorder, records, restart } = await setUp({ maxEvents: 5 });
	for (let n = 0; n < 20; n++) recorder.record({ ...restart, note: `note ${n}` });
	await recorder.stop();
	expect(await listEvents(client, namespace)).toHaveLength(5);
	expect(records.some(({ msg }) => msg === "too many events: dropped some")).toBe(true);
});

test("an event that is refused is logged and not tried again", async () => {
	const { requests, recorder, records, restart } = await setUp();
	recorder.record({ ...restart, reason: "" });
	await eventually(() => records.some(({ msg }) => msg === "an event was not written"), "the log record");
	await recorder.stop();
	expect(requests.map(({ verb, status }) => `${verb} ${status}`)).toEqual(["create 422"]);
});

test("an API server that cannot be reached disturbs nobody", async () => {
	const { restart, namespace } = await setUp();
	const client = testClient();
	const { log, records } = recordingLog();
	const recorder = new EventRecorder({ client, log, controller: "xmppfed.dev/operator", instance: "test-0" });
	client.create = async () => {
		throw new Error("connection refused");
	};
	recorder.record(restart);
	await eventually(() => records.length > 0, "the log record");
	await recorder.stop();
	expect(records[0]).toMatchObject({ namespace, name: "subject", reason: "NodeRestarting" });
});
