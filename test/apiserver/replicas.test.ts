import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import type { KubernetesClient } from "../../src/kubernetes/client.ts";
import { leases } from "../../src/kubernetes/resources.ts";
import { scaled } from "../lib/scale.ts";
import { type ApiProxy, startApiProxy } from "./api-proxy.ts";
import { federation, federations, ownedObjects } from "./operator-support.ts";
import { playCluster, podsByNode } from "./played-cluster.ts";
import { startReplica } from "./replica.ts";
import { becomes, normalized, settled } from "./settled.ts";
import { eventually, freshNamespace, testClient } from "./support.ts";

/** Seconds; the defaults are 15, 10 and 2. */
const timing = ["--lease-duration=4", "--renew-deadline=3", "--retry-period=1"];

/** A replica in a process of its own, and the proxy that all its requests go through: an audit of what it writes. */
async function replicaOf(namespace: string, name: string, more: readonly string[] = []) {
	const proxy = await startApiProxy();
	const args = [`--namespace=${namespace}`, `--leader-election-namespace=${namespace}`, ...timing, ...more];
	const replica = startReplica(name, { kubeconfig: proxy.kubeconfig, args });
	/** Writes of the work itself, which only a leader may do; those that reached the API server. */
	const acts = () => proxy.writes().filter(({ resource, forwarded }) => forwarded && resource !== "leases");
	return { name, proxy, ...replica, acts };
}

type Audited = Awaited<ReturnType<typeof replicaOf>>;

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

/** Fails where two replicas acted in turn: what the former wrote must all be before what the later wrote. */
function expectOrder(former: Audited, later: Audited, since: number): void {
	const after = (audited: Audited) => audited.acts().flatMap(({ at }) => (at > since ? [at] : []));
	expect(after(later).length).toBeGreaterThan(0);
	const begin = Math.min(...after(later));
	expect(after(former).filter((at) => at >= begin)).toEqual([]);
}

async function setup() {
	const client = testClient();
	const namespace = await freshNamespace(client);
	playCluster(client, namespace);
	const a = await replicaOf(namespace, "a");
	await eventually(async () => (await holder(client, namespace)) === "a", "a to lead");
	await client.create(federations, federation(namespace, "example"));
	await settled(client, namespace, "example");
	const b = await replicaOf(namespace, "b");
	await eventually(() => b.logged("waiting for the lease"), "b to wait");
	return { client, namespace, a, b };
}

/** Waits until the replica has written what only a leader writes. */
async function acting({ acts, name }: Audited): Promise<void> {
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
	const c = await replicaOf(namespace, "c");
	await eventually(() => c.logged("waiting for the lease"), "c to wait");
	let [leader, other]: [Audited, Audited] = [b, c];
	for (let n = 0; n < scaled(2, 12); n++) {
		const since = performance.now();
		await sleep(Math.random() * 100);
		leader.signal("SIGSTOP");
		await acting(other);
		leader.signal("SIGCONT");
		await eventually(() => leader.log.findLastIndex(lost) > leader.log.findLastIndex(leads), "it to see that it lost");
		await acting(other);
		expectOrder(leader, other, since);
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

type Line = Readonly<Record<string, unknown>>;

const lost = ({ msg }: Line) => String(msg).startsWith("no longer leading");
const leads = ({ msg }: Line) => msg === "leading";

/** When a replica last logged something (ms of the wall clock, which both share). */
function timeOf({ log, name }: Audited, which: (line: Line) => boolean): number {
	const found = log.findLast(which);
	if (!found) throw new Error(`${name} did not log what was to be expected`);
	return Date.parse(String(found["time"]));
}

test("a process that is killed by SIGKILL after its n-th write leaves nothing that the next does not bring to the same end", async () => {
	const client = testClient();
	const undisturbed = await freshNamespace(client);
	playCluster(client, undisturbed);
	const whole = await replicaOf(undisturbed, "whole");
	await client.create(federations, federation(undisturbed, "example"));
	await settled(client, undisturbed, "example");
	const expected = await normalized(client, undisturbed);
	const pods = (await ownedObjects(client, undisturbed, "example")).filter((name) => name.startsWith("Deployment/"));
	expect(pods).toHaveLength(2);
	whole.signal("SIGTERM");
	expect(await whole.ended).toBe(0);

	for (const writes of scaled([4, 12], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13])) {
		const namespace = await freshNamespace(client);
		const cluster = playCluster(client, namespace);
		await client.create(federations, federation(namespace, "example"));
		const doomed = await replicaOf(namespace, "doomed");
		killAtWrite(doomed.proxy, writes, () => doomed.signal("SIGKILL"));
		expect(await doomed.ended).toBe(null);
		const next = await replicaOf(namespace, "next");
		await settled(client, namespace, "example");
		await becomes(client, namespace, expected);
		expect(podsByNode(cluster)).toEqual({ "gw-1": 1, "gw-2": 1 });
		next.signal("SIGKILL");
	}
}, 180_000);

/** Carries out so many writes of a replica; with the last, whose answer is lost, the process is killed. */
function killAtWrite(proxy: ApiProxy, writes: number, kill: () => void): void {
	let seen = 0;
	proxy.fault = ({ verb, resource }) => {
		if (["get", "list", "watch"].includes(verb) || resource === "leases" || resource === "events") return undefined;
		if (++seen < writes) return undefined;
		kill();
		return seen === writes ? { lose: "answer" } : { lose: "request" };
	};
}
