import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import type { KubernetesClient } from "../../src/kubernetes/client.ts";
import { leases } from "../../src/kubernetes/resources.ts";
import { scaled } from "../lib/scale.ts";
import { federation, federations } from "./operator-support.ts";
import { playCluster } from "./played-cluster.ts";
import { type AuditedReplica, auditedReplica } from "./replica.ts";
import { settled } from "./settled.ts";
import { eventually, freshNamespace, testClient } from "./support.ts";

async function holder(client: KubernetesClient, namespace: string): Promise<string | undefined> {
	const lease = await client.get(leases, namespace, "xmpp-federation-operator");
	return lease?.spec?.holderIdentity?.split("_")[0];
}

/** Changes a federation all the time, so that whoever leads has something to write. */
function keepChanging(client: KubernetesClient, namespace: string) {
	const stopping = new AbortController();
	let changes = 0;
	const running = (async () => {
		while (!stopping.signal.aborted) {
			const service = { type: "ClusterIP", labels: { change: String(++changes) } };
			await client.mergePatch(federations, namespace, "example", { spec: { service } });
			await sleep(50);
		}
	})();
	const end = async () => {
		stopping.abort();
		await running;
	};
	onTestFinished(end);
	return end;
}

/**
 * Fails where two replicas acted in turn: what the former wrote must all be before what the later wrote.
 *
 * @param underWay writes that the former had asked its lease for last, and not yet given to the kernel, when it was stopped:
 * they go out when it goes on, and no lease can prevent that
 */
function expectOrder(former: AuditedReplica, later: AuditedReplica, since: number, underWay = 0): void {
	const after = (audited: AuditedReplica) => audited.acts().flatMap(({ at }) => (at > since ? [at] : []));
	expect(after(later).length).toBeGreaterThan(0);
	const begin = Math.min(...after(later));
	expect(
		after(former)
			.filter((at) => at >= begin)
			.slice(underWay),
	).toEqual([]);
}

async function setup() {
	const client = testClient();
	const namespace = await freshNamespace(client);
	playCluster(client, namespace);
	const a = await auditedReplica(namespace, "a");
	await eventually(async () => (await holder(client, namespace)) === "a", "a to lead");
	await client.create(federations, federation(namespace, "example"));
	await settled(client, namespace, "example");
	const b = await auditedReplica(namespace, "b");
	await eventually(() => b.logged("waiting for the lease"), "b to wait");
	return { client, namespace, a, b };
}

/** Waits until the replica has written what only a leader writes. */
async function acting({ acts, name }: AuditedReplica): Promise<void> {
	const before = acts().length;
	await eventually(() => acts().length > before + 3, `${name} to act`, 30_000);
}

test("of two processes one acts; killed, stopped or cut off, it never acts beside the next", async () => {
	const { client, namespace, a, b } = await setup();
	const end = keepChanging(client, namespace);
	const start = performance.now();
	await acting(a);
	expect(b.acts()).toEqual([]);

	// Killed in the middle of its work.
	a.signal("SIGKILL");
	await acting(b);
	expectOrder(a, b, start);

	// Stopped, as by a debugger, a frozen node or a long garbage collection, again and again.
	const c = await auditedReplica(namespace, "c");
	await eventually(() => c.logged("waiting for the lease"), "c to wait");
	let [leader, other]: [AuditedReplica, AuditedReplica] = [b, c];
	for (let n = 0; n < scaled(2, 12); n++) {
		const since = performance.now();
		await sleep(Math.random() * 100);
		leader.signal("SIGSTOP");
		await acting(other);
		leader.signal("SIGCONT");
		await eventually(() => leader.log.findLastIndex(lost) > leader.log.findLastIndex(leads), "it to see that it lost");
		await acting(other);
		expectOrder(leader, other, since, 1);
		[leader, other] = [other, leader];
	}

	// Cut off: it knows by itself, before the other begins.
	const since = performance.now();
	leader.proxy.fault = () => ({ delay: 3_600_000 });
	leader.proxy.silence();
	await acting(other);
	expectOrder(leader, other, since);
	expect(timeOf(leader, lost)).toBeLessThan(timeOf(other, leads));
	leader.proxy.fault = undefined;
	leader.proxy.cut();
	await eventually(() => leader.log.at(-1)?.["msg"] === "waiting for the lease", "it to wait again");
	await acting(other);
	expectOrder(leader, other, since);
	await end();
	await settled(client, namespace, "example");
}, 180_000);

test("two operators, each for a namespace of its own, work side by side and touch nothing of each other's", async () => {
	const client = testClient();
	const places = await Promise.all(
		["one", "other"].map(async (name) => {
			const namespace = await freshNamespace(client);
			playCluster(client, namespace);
			await client.create(federations, federation(namespace, "example", { domain: `${name}.example` }));
			return { namespace, replica: await auditedReplica(namespace, name) };
		}),
	);
	for (const { namespace } of places) await settled(client, namespace, "example");
	for (const { namespace, replica } of places) {
		expect(await holder(client, namespace)).toBe(replica.name);
		expect(replica.acts().length).toBeGreaterThan(10);
		expect(new Set(replica.proxy.writes().map((write) => write.namespace))).toEqual(new Set([namespace]));
	}
}, 60_000);

type Line = Readonly<Record<string, unknown>>;

const lost = ({ msg }: Line) => String(msg).startsWith("no longer leading");
const leads = ({ msg }: Line) => msg === "leading";

/** When a replica last logged something (ms of the wall clock, which both share). */
function timeOf({ log, name }: AuditedReplica, which: (line: Line) => boolean): number {
	const found = log.findLast(which);
	if (!found) throw new Error(`${name} did not log what was to be expected`);
	return Date.parse(String(found["time"]));
}
