import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { namespaces } from "../../src/kubernetes/resources.ts";
import { type Fault, type SeenRequest, startApiProxy } from "./api-proxy.ts";
import {
	condition,
	federation,
	federations,
	impatient,
	objectCount,
	ownedObjects,
	removeOwned,
	startOperator,
} from "./operator-support.ts";
import { eventually, freshNamespace, testClient } from "./support.ts";

/** An operator that has one worker: what holds that up holds up everything. */
async function setup() {
	const client = testClient();
	const namespace = await freshNamespace(client);
	const proxy = await startApiProxy();
	const operator = startOperator(namespace, {}, { kubeconfig: proxy.kubeconfig, timing: impatient, concurrency: 1 });
	const complete = async (name: string) =>
		await eventually(
			async () => (await ownedObjects(client, namespace, name)).length === objectCount,
			`all objects of ${name}`,
		);
	return { client, namespace, proxy, operator, complete };
}

const isOf = (seen: SeenRequest, federationName: string) => seen.name?.startsWith(federationName) === true;

const conflict: Fault = { answer: 409, reason: "Conflict", message: "the object has been modified" };
const invalid: Fault = { answer: 422, reason: "Invalid", message: "status is invalid" };

test.each([
	["services", conflict, "reconcile failed; it will be tried again"],
	["xmppfederations/status", invalid, "reconcile failed; it will be tried again"],
] as const)(
	"%s that cannot be written for one federation: it comes again later and later, the others at once",
	async (resource, fault, message) => {
		const { client, namespace, proxy, operator, complete } = await setup();
		proxy.fault = (seen) =>
			seen.resource === resource && seen.verb === "patch" && isOf(seen, "bad") ? fault : undefined;
		await client.create(federations, federation(namespace, "bad"));
		await eventually(() => operator.records.some(({ msg }) => msg === message), "the failure in the log");
		for (const name of ["good-1", "good-2", "good-3"]) await client.create(federations, federation(namespace, name));
		for (const name of ["good-1", "good-2", "good-3"]) await complete(name);
		await sleep(3_000);
		const attempts = operator.records.filter(({ msg, federation: of }) => msg === message && of === "bad").length;
		// 0, 0.5, 1.5, 3.5, 7.5 s after the first, or sooner by up to the half, and what the operator's own writes lead to.
		expect(attempts).toBeGreaterThan(1);
		expect(attempts).toBeLessThan(9);
		// Each attempt asks three times at most whether the object is another one than the cache shows.
		expect(proxy.requests.filter((seen) => seen.resource === resource && isOf(seen, "bad")).length).toBeLessThan(6 * 9);

		proxy.fault = undefined;
		await complete("bad");
		await eventually(
			async () => (await condition(client, namespace, "bad", "Accepted"))?.text === "True Accepted",
			"Accepted",
		);
	},
	90_000,
);

test("429 is tried again when the API server says, and holds up nobody else", async () => {
	const { client, namespace, proxy, complete } = await setup();
	const busy: Fault = { answer: 429, reason: "TooManyRequests", retryAfter: 3 };
	let refusals = 0;
	proxy.fault = (seen) =>
		seen.resource === "deployments" && seen.verb === "patch" && isOf(seen, "busy") && refusals++ < 2 ? busy : undefined;
	await client.create(federations, federation(namespace, "busy"));
	await eventually(() => refusals > 0, "the first refusal");
	await client.create(federations, federation(namespace, "other"));
	await complete("other");
	expect(refusals).toBe(1);
	await complete("busy");
	const [first, second, third] = proxy.requests.filter(
		({ resource, verb, name }) => resource === "deployments" && verb === "patch" && name?.startsWith("busy"),
	);
	const gaps = [(second?.at ?? 0) - (first?.at ?? 0), (third?.at ?? 0) - (second?.at ?? 0)];
	for (const gap of gaps) expect(gap).toBeGreaterThanOrEqual(3_000);
}, 60_000);

test("a watch that is answered with 429 begins again when the API server says", async () => {
	const { client, namespace, proxy, complete } = await setup();
	const busy: Fault = { answer: 429, reason: "TooManyRequests", retryAfter: 2 };
	await eventually(() => proxy.watches("xmppfederations") === 1, "the watch");
	let refused = 0;
	proxy.fault = ({ verb, resource }) =>
		verb === "watch" && resource === "xmppfederations" && refused++ < 2 ? busy : undefined;
	proxy.cut();
	await client.create(federations, federation(namespace, "example"));
	await complete("example");
	const watches = proxy.requests.filter(({ verb, resource }) => verb === "watch" && resource === "xmppfederations");
	const [first, second, third] = watches.slice(-3).map(({ at }) => at);
	expect((second ?? 0) - (first ?? 0)).toBeGreaterThanOrEqual(2_000);
	expect((third ?? 0) - (second ?? 0)).toBeGreaterThanOrEqual(2_000);
});

test("a namespace that is deleted under a running federation: nothing is fought for", async () => {
	const { client, namespace, proxy, operator, complete } = await setup();
	await client.create(federations, federation(namespace, "example"));
	await complete("example");
	await sleep(500);
	const mark = proxy.requests.length;
	const logged = operator.records.length;
	// The namespace controller is played: it removes what is there, in an order of its own, federations last.
	await client.delete(namespaces, undefined, namespace);
	const owned = await ownedObjects(client, namespace, "example");
	for (const object of owned) await removeOwned(client, namespace, object);
	await sleep(1_000);
	const since = proxy.requests.slice(mark);
	expect(await ownedObjects(client, namespace, "example")).toEqual([]);
	// One refused attempt for what each event leads to, at most.
	expect(since.filter(({ status }) => status === 403).length).toBeGreaterThan(0);
	expect(since.length).toBeLessThanOrEqual(2 * owned.length);
	expect(operator.records.slice(logged).filter(({ level }) => Number(level) >= 40)).toEqual([]);
});
