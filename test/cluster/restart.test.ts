import { afterAll, beforeAll, expect, test } from "vitest";
import { type ClientAddresses, type Couple, logIn, logOut } from "../../deploy/demo/conversation.ts";
import { REMOTE_SERVER } from "../../deploy/demo/scene.ts";
import { federationReady, type LiveFederation } from "../../deploy/demo/stage.ts";
import { until } from "../../deploy/demo/until.ts";
import { restartReasons } from "../../src/rollout/reasons.ts";
import { images, useScene } from "../lib/cluster/environment.ts";
import { apply, standAlone } from "../lib/cluster/federation.ts";
import { nodePortAddress } from "../lib/cluster/node-ports.ts";
import { PodLogs } from "../lib/cluster/pod-logs.ts";
import { runningPods } from "../lib/cluster/pods.ts";
import { RestartWatch } from "../lib/cluster/restart-watch.ts";
import { removeSecondPeer, SECOND_SERVER, secondScene, startSecondPeer } from "../lib/cluster/second-peer.ts";
import { type Delivery, Traffic } from "../lib/cluster/traffic.ts";
import { scaled } from "../lib/scale.ts";
import { nodes, type RestartCase, restartCases } from "./restart-cases.ts";

/** Messages in a second, each way, with each of two peers: a Prosody and an ejabberd. */
const RATE = 100;
/**
 * Of the messages of one direction, how many may be lost: none. Only what an ejabberd sends gets less than all the way: it
 * forgets some of what it routes in the moment in which the other side closes its stream, also with no gateway in between
 * (test/gateway/ejabberd-stream-end.long.test.ts). So the internal server is a Prosody here, and the table shows each loss.
 */
const lossTaken = ({ peer, direction }: Result) => (peer === "ejabberd" && direction === "in" ? 0.01 : 0);
/** A federation beside it, which nothing is asked of. */
const other = "other";

const stage = useScene("restart", { nodes: [...nodes], internalServer: "prosody" });
const remotes = { prosody: stage.scene, ejabberd: secondScene(stage.scene) };
const peers = ["prosody", "ejabberd"] as const;
const { namespace } = stage.scene.internal;

let addresses: Record<(typeof peers)[number], ClientAddresses>;
let watch: RestartWatch;
let logs: PodLogs;
const rows: string[] = [];

beforeAll(async () => {
	const { kubectl, scene } = stage;
	await apply(kubectl, standAlone(namespace, other));
	await startSecondPeer(kubectl, remotes.ejabberd, images().xmppServer);
	const internal = await nodePortAddress(kubectl, namespace, scene.internal.server);
	addresses = {
		prosody: { internal, remote: await nodePortAddress(kubectl, scene.remote.namespace, REMOTE_SERVER) },
		ejabberd: { internal, remote: await nodePortAddress(kubectl, remotes.ejabberd.remote.namespace, SECOND_SERVER) },
	};
	logs = new PodLogs(kubectl, namespace);
	watch = await RestartWatch.start(kubectl, namespace, scene.federation, (pod) => logs.follow(pod));
	await federationReady(kubectl, namespace, other);
});

afterAll(async () => {
	const { kubectl } = stage;
	await watch?.[Symbol.asyncDispose]();
	await removeSecondPeer(kubectl, remotes.ejabberd);
	console.log([...tableHead, ...rows].join("\n"));
});

test.for([
	...scaled(
		restartCases.filter(({ representative }) => representative),
		restartCases,
	),
])("$reason, $what: restarts $restarts and no other, and messages arrive", async (restartCase, { onTestFailed }) => {
	const started = new Date();
	onTestFailed(async () => console.log(await explanation(started)));
	const { kubectl, scene } = stage;
	const { reason, restarts, starts = [], stops = [] } = restartCase;
	const subject = { kubectl, scene, image: images().gateway };
	await restartCase.prepare?.(subject);
	await until("every pod that leaves to be gone", async () => !watch.isLeaving);
	const others = await runningPods(kubectl, namespace, other);
	const before = watch.running();
	const finished = await lastRollout();
	watch.mark();
	logs.forget();

	const { results, failure } = await withTraffic(async (flow) => {
		await restartCase.change(subject);
		await until(
			`the roll-out of ${reason} to be over`,
			async () => {
				const { status } = await live();
				const isOver = JSON.stringify(status?.finishedRollouts?.[0]) !== JSON.stringify(finished);
				return isOver && !status?.rollout && !watch.isLeaving;
			},
			{ timeout: 300_000, explain: async () => JSON.stringify((await live()).status, undefined, "\t") },
		);
		await flow();
	});
	rows.push(row(restartCase, results));
	if (failure !== undefined) throw failure;
	const after = watch.running();

	const changed = [...after].filter(([node, pods]) => before.has(node) && before.get(node) !== pods);
	expect(changed.map(([node]) => node).toSorted()).toEqual(restarts.toSorted());
	expect([...after.keys()].filter((node) => !before.has(node))).toEqual(starts);
	expect([...before.keys()].filter((node) => !after.has(node))).toEqual(stops);
	expect([...watch.pods.values()].filter((pod) => pod.restarts > 0)).toEqual([]);
	const otherRestarts = [...others.keys()].filter(() => restartCase.everyFederation);
	await until("the other federation to have restarted where it does", async () => {
		const pods = await runningPods(kubectl, namespace, other);
		return otherRestarts.every((node) => pods.has(node) && pods.get(node) !== others.get(node));
	});
	const othersNow = await runningPods(kubectl, namespace, other);
	expect([...others.keys()].filter((node) => othersNow.get(node) !== others.get(node))).toEqual(otherRestarts);

	expect(watch.untold()).toEqual([]);
	expect(watch.touched.toSorted()).toEqual([...restarts, ...starts, ...stops].toSorted());
	expect(watch.down.filter(({ node }) => !stops.includes(node))).toEqual([]);
	expect(watch.leavingTogether).toEqual([]);
	const causes = (await lastRollout())?.causes.filter((cause) => cause.reason === reason);
	expect(causes?.[0]?.rule).toBe(restartReasons[reason].rule);

	expect(results.filter((result) => result.delivery.lost > lossTaken(result) * result.delivery.sent)).toEqual([]);
});

/** What gateways and servers have written last: what was lost on the way is told by whoever lost it. */
async function explanation(since: Date): Promise<string> {
	const servers = [
		{ name: stage.scene.internal.server, where: namespace },
		{ name: REMOTE_SERVER, where: remotes.prosody.remote.namespace },
		{ name: SECOND_SERVER, where: remotes.ejabberd.remote.namespace },
	];
	const said = await Promise.all(
		servers.map(async ({ name, where }) => {
			const command = ["logs", `deployment/${name}`, "-n", where, `--since-time=${since.toISOString()}`, "--tail=120"];
			return `${where}/${name}:\n${await stage.kubectl.run(command)}`;
		}),
	);
	return [await logs.tail(40), ...said].join("\n");
}

async function live(): Promise<LiveFederation> {
	const { kubectl, scene } = stage;
	const found = await kubectl.find<LiveFederation>("xmppfederation", scene.federation, namespace);
	if (!found) throw new Error(`federation ${scene.federation} is gone`);
	return found;
}

async function lastRollout() {
	return (await live()).status?.finishedRollouts?.[0];
}

interface Result {
	readonly peer: (typeof peers)[number];
	readonly direction: "out" | "in";
	readonly delivery: Delivery;
}

/**
 * Traffic with both peers while `work` is done; `flow` waits until what is sent from then on arrives.
 *
 * @returns what became of the messages, also where the work failed: `failure`
 */
async function withTraffic(
	work: (flow: () => Promise<unknown>) => Promise<void>,
): Promise<{ readonly results: readonly Result[]; readonly failure: unknown }> {
	const couples: Couple[] = [];
	try {
		for (const peer of peers) couples.push(await logIn(remotes[peer], addresses[peer]));
		const running = couples.map((couple) => Traffic.start(couple, RATE));
		const flow = async () => await Promise.all(running.map((traffic) => traffic.flows()));
		const failure = await flow()
			.then(async () => await work(flow))
			.catch((error: unknown) => error);
		const ends = await Promise.all(running.map((traffic) => traffic.stop()));
		const results = peers.flatMap((peer, index): Result[] => {
			const end = ends[index];
			if (!end) return [];
			return [
				{ peer, direction: "out", delivery: end.outgoing },
				{ peer, direction: "in", delivery: end.incoming },
			];
		});
		return { results, failure };
	} finally {
		for (const couple of couples) await logOut(couple);
	}
}

const tableHead = [
	"| Reason | Change | Pods restarted | Peer | Sent | Lost | Returned | Twice | Out of order | Longest gap (ms) |",
	"|---|---|---|---|---|---|---|---|---|---|",
];

/** A row of the table that a run ends with: out of the federation and in, for each peer. */
function row({ reason, what, restarts, starts = [], stops = [] }: RestartCase, results: readonly Result[]): string {
	const pods = [
		restarts.join(", ") || "none",
		...starts.map((node) => `${node} starts`),
		...stops.map((node) => `${node} stops`),
	].join("; ");
	return peers
		.map((peer) => {
			const both = results.filter((result) => result.peer === peer).map(({ delivery }) => delivery);
			const each = (field: keyof Delivery) => both.map((delivery) => delivery[field]).join(" / ");
			const figures = (["sent", "lost", "returned", "duplicates", "outOfOrder", "longestGap"] as const).map(each);
			return `| ${[reason, what, pods, `${peer} out / in`, ...figures].join(" | ")} |`;
		})
		.join("\n");
}
