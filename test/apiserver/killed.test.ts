import { describe, expect, onTestFinished, test } from "vitest";
import type { KubernetesClient } from "../../src/kubernetes/client.ts";
import { scaled } from "../lib/scale.ts";
import { type ApiProxy, isWrite } from "./api-proxy.ts";
import { federation, federations, startOperator } from "./operator-support.ts";
import { playCluster, podsByNode } from "./played-cluster.ts";
import { auditedReplica } from "./replica.ts";
import { becomes, normalized, settled } from "./settled.ts";
import { eventually, freshNamespace, testClient } from "./support.ts";

type Nodes = readonly object[];

const enabled = (name: string, more: object = {}) => ({ name, federation: "Enabled", ...more });
const disabled = (name: string) => ({ name, federation: "Disabled" });

const changes: readonly { readonly what: string; readonly from: Nodes | undefined; readonly to: Nodes }[] = [
	{ what: "the creation of a federation", from: undefined, to: [enabled("gw-1"), enabled("gw-2")] },
	{
		what: "a change of one node",
		from: [enabled("gw-1"), enabled("gw-2")],
		to: [enabled("gw-1"), enabled("gw-2", { published: false })],
	},
	{ what: "an enabling", from: [enabled("gw-1"), disabled("gw-2")], to: [enabled("gw-1"), enabled("gw-2")] },
	{ what: "the removal of a node", from: [enabled("gw-1"), enabled("gw-2")], to: [enabled("gw-1")] },
];

/** Cases at once: each is mostly waiting. */
const atOnce = 4;

interface Outcome {
	readonly objects: readonly object[];
	/** Pods that each node had. */
	readonly pods: Readonly<Record<string, number>>;
	/** Writes of the operator whose change it was, Events apart. */
	readonly writes: number;
}

describe.each(changes)("an operator that is killed during $what", ({ from, to }) => {
	/** A namespace in which the change is asked for, and nobody has begun with it. */
	async function begin(client: KubernetesClient) {
		const namespace = await freshNamespace(client);
		const cluster = playCluster(client, namespace);
		if (from) {
			await client.create(federations, federation(namespace, "example", { nodes: from }));
			const before = startOperator(namespace);
			await settled(client, namespace, "example");
			await before.stop();
			await client.mergePatch(federations, namespace, "example", { spec: { nodes: to } });
		} else {
			await client.create(federations, federation(namespace, "example", { nodes: to }));
		}
		return { namespace, cluster };
	}

	/** Carries out the change with an operator that dies after `writes` writes, and another one after it. */
	async function carryOut(client: KubernetesClient, writes: number, expected?: Outcome): Promise<Outcome> {
		const { namespace, cluster } = await begin(client);
		const first = startDoomedOperator(namespace, writes);
		if (expected) {
			// Statuses depend on how fast pods come, so that it may be done with a write or two fewer.
			await Promise.race([
				eventually(() => first.isDead(), `write ${writes + 1}`, 60_000),
				settled(client, namespace, "example", 60_000),
			]);
			await first.kill();
			const second = startOperator(namespace);
			await settled(client, namespace, "example");
			await becomes(client, namespace, expected.objects);
			await second.stop();
		} else {
			await settled(client, namespace, "example");
			await first.stop();
		}
		return { objects: await normalized(client, namespace), pods: podsByNode(cluster), writes: first.written() };
	}

	test("leaves nothing that the next one does not bring to the same end, with no pod more", async () => {
		const client = testClient();
		const undisturbed = await carryOut(client, Number.POSITIVE_INFINITY);
		const moments = Array.from({ length: undisturbed.writes }, (_, writes) => writes);
		const waiting = [...moments];
		const outcomes = new Map<number, Outcome>();
		const worker = async () => {
			for (let writes = waiting.shift(); writes !== undefined; writes = waiting.shift()) {
				outcomes.set(writes, await carryOut(client, writes, undisturbed));
			}
		};
		await Promise.all(Array.from({ length: atOnce }, worker));
		for (const [writes, { objects, pods }] of outcomes) {
			expect({ writes, objects, pods }).toEqual({ writes, objects: undisturbed.objects, pods: undisturbed.pods });
		}
		expect(outcomes.size).toBe(moments.length);
		// A Deployment, its files and what is said about it, at the least.
		expect(moments.length).toBeGreaterThan(2);
	}, 180_000);

	/** Carries out the change with a process that is killed with the given write, and another one after it. */
	async function carryOutByProcesses(client: KubernetesClient, killedAt: number, expected?: Outcome): Promise<Outcome> {
		const { namespace, cluster } = await begin(client);
		const first = await auditedReplica(namespace, "first");
		if (expected) {
			killAtWrite(first.proxy, killedAt, () => first.signal("SIGKILL"));
			// Statuses depend on how fast pods come, so that it may be done with a write or two fewer.
			await Promise.race([first.ended, settled(client, namespace, "example", 60_000)]);
			first.signal("SIGKILL");
			await first.ended;
			const next = await auditedReplica(namespace, "next");
			onTestFinished(() => next.signal("SIGKILL"));
		}
		await settled(client, namespace, "example", 60_000);
		// The process that comes after has to wait for the lease, and may have nothing left to do but to tidy up.
		if (expected) await becomes(client, namespace, expected.objects);
		const writes = first.proxy.writes().filter(isCounted).length;
		return { objects: await normalized(client, namespace), pods: podsByNode(cluster), writes };
	}

	test(
		"ends the same where its process gets SIGKILL while a write is under way",
		async () => {
			const client = testClient();
			const undisturbed = await carryOutByProcesses(client, Number.POSITIVE_INFINITY);
			const every = Array.from({ length: undisturbed.writes }, (_, index) => index + 1);
			// In the middle of the change it is the write of a Deployment or of what it needs.
			const waiting = scaled([Math.ceil(undisturbed.writes / 2)], every);
			const worker = async () => {
				for (let write = waiting.shift(); write !== undefined; write = waiting.shift()) {
					const { objects, pods } = await carryOutByProcesses(client, write, undisturbed);
					expect({ write, objects, pods }).toEqual({ write, objects: undisturbed.objects, pods: undisturbed.pods });
				}
			};
			await Promise.all([worker(), worker()]);
		},
		scaled(120_000, 900_000),
	);
});

function isCounted({ resource }: { readonly resource: string }): boolean {
	return resource !== "leases" && resource !== "events";
}

/** Carries out so many writes of a process; with the last, whose answer is lost, it is killed. */
function killAtWrite(proxy: ApiProxy, writes: number, kill: () => void): void {
	let seen = 0;
	proxy.fault = (request) => {
		if (!isWrite(request) || !isCounted(request) || ++seen < writes) return undefined;
		kill();
		return seen === writes ? { lose: "answer" } : { lose: "request" };
	};
}

/** An operator whose process ends in the moment in which it would make one write more than it may. */
function startDoomedOperator(namespace: string, writes: number) {
	let dead = false;
	const written = () =>
		operator.writes().filter(({ resource, status }) => resource !== "events" && status >= 200 && status < 300).length;
	const operator = startOperator(
		namespace,
		{},
		{
			concurrency: 1,
			beforeWrite: () => {
				if (dead || written() >= writes) {
					dead = true;
					throw new Error("this process is dead");
				}
			},
		},
	);
	return { ...operator, written, isDead: () => dead };
}
