import { expect, test } from "vitest";
import { configMapEssentials, podEssentials } from "../../../src/controller/essentials.ts";
import type { Observed } from "../../../src/kubernetes/object.ts";
import type { Pod } from "../../../src/kubernetes/resources.ts";
import { observeNodes } from "../../../src/rollout/observe.ts";

const metadata = {
	name: "x",
	namespace: "ns",
	uid: "u",
	resourceVersion: "7",
	creationTimestamp: "2026-11-25T12:00:00Z",
};
const labels = { "xmppfed.dev/node": "gw-1" };
const annotations = { "xmppfed.dev/revision": "r1" };

function pod(more: object, status: object): Observed<Pod> {
	return {
		apiVersion: "v1",
		kind: "Pod",
		metadata: { ...metadata, labels, annotations, finalizers: ["a/b"], ...more },
		spec: {
			nodeName: "machine",
			containers: [{ name: "router", image: "gateway:1", env: [{ name: "A", value: "b" }] }],
			volumes: [
				{ name: "configuration", configMap: { name: "files" } },
				{ name: "secrets", secret: { secretName: "keys" } },
				{ name: "tmp", emptyDir: {} },
			],
		},
		status: { qosClass: "Burstable", hostIP: "10.0.0.9", ...status },
	};
}

test.each([
	["ready", {}, { podIP: "10.0.0.1", podIPs: [{ ip: "10.0.0.1" }], conditions: [{ type: "Ready", status: "True" }] }],
	[
		"unschedulable",
		{},
		{ conditions: [{ type: "PodScheduled", status: "False", reason: "Unschedulable", message: "no" }] },
	],
	["finished", {}, { phase: "Failed" }],
	["leaving", { deletionTimestamp: "2026-11-25T12:00:30Z" }, {}],
	[
		"waiting",
		{},
		{ containerStatuses: [{ name: "router", ready: false, restartCount: 0, state: { waiting: { reason: "Odd" } } }] },
	],
])("of a pod that is %s is kept what is observed and what it mounts", (_how, more, status) => {
	const deployment = { metadata: { name: "d", labels, annotations } };
	const whole = pod(more, status);
	const kept = podEssentials(whole);
	const now = new Date("2026-11-25T12:00:10Z");
	expect(observeNodes([deployment], [kept], now)).toEqual(observeNodes([deployment], [whole], now));
	expect(kept.spec?.volumes?.flatMap(({ configMap, secret }) => configMap?.name ?? secret?.secretName)).toEqual([
		"files",
		"keys",
	]);
	expect(kept.metadata).toMatchObject(metadata);
	expect(JSON.stringify(kept)).not.toMatch(/env|qosClass|finalizers/);
});

test("of an immutable ConfigMap the recorded intent is kept, of others all", () => {
	const data = { "router.cfg.lua": "x", "intent.json": "{}" };
	const configMap = { apiVersion: "v1", kind: "ConfigMap", metadata, data };
	expect(configMapEssentials(configMap)).toEqual(configMap);
	const immutable = { ...configMap, immutable: true };
	expect(configMapEssentials(immutable)).toEqual({ ...immutable, data: { "intent.json": "{}" } });
	expect(configMapEssentials({ ...immutable, data: { other: "y" } }).data).toEqual({});
});
