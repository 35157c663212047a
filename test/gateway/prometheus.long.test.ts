import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { bundleOperator } from "../../deploy/build.ts";
import { ensureTools } from "../../deploy/toolchain/tools.ts";
import { KubernetesClient } from "../../src/kubernetes/client.ts";
import { loadKubeConfig } from "../../src/kubernetes/connection.ts";
import { startControlPlane } from "../apiserver/control-plane.ts";
import { applyCrds } from "../apiserver/crds.ts";
import { federation, federations, playKubelet, revisionOf } from "../apiserver/operator-support.ts";
import { alerts } from "../lib/alerts.ts";
import { dashboardExpressions } from "../lib/dashboard.ts";
import { OperatorProcess } from "../lib/operator-process.ts";
import { waitFor } from "../lib/xmpp/wait.ts";
import { Prometheus, type Target } from "./lib/prometheus.ts";
import { World } from "./lib/world.ts";

const nodes = ["gw-1", "gw-2"];
/** Seconds of traffic, in which a roll-out goes on. */
const duration = 60;

/** Panels that have nothing to show where nothing goes wrong with a peer, and nothing changes while nodes run. */
const maybeEmpty = new Set([
	"Failures by peer",
	"Roll-outs blocked",
	"Changes without a restart, by reason",
	"Containers that ended, minutes ago",
	"Requests that failed",
]);

const stack = new AsyncDisposableStack();
let world: World;
let client: KubernetesClient;
let operator: OperatorProcess;
let prometheus: Prometheus;

beforeAll(async () => {
	world = stack.use(
		await World.start({
			internal: "prosody",
			peers: ["prosody", "ejabberd"],
			users: ["alice", "bob"],
			nodes: nodes.map((name) => ({ name, federation: "Enabled" })),
		}),
	);
	await world.startNodes();
	const controlPlane = await startControlPlane(await ensureTools(["etcd", "kube-apiserver"]));
	stack.defer(async () => await controlPlane.stop());
	client = new KubernetesClient(loadKubeConfig({ kubeconfig: controlPlane.kubeconfig }));
	stack.defer(async () => await client.close());
	await applyCrds(client);
	const directory = await mkdtemp(join(tmpdir(), "xmppfed-monitored-"));
	stack.defer(async () => await rm(directory, { recursive: true }));
	const [bundle, log] = [join(directory, "operator.mjs"), join(directory, "operator.log")];
	await bundleOperator(bundle);
	operator = stack.use(await OperatorProcess.start({ bundle, kubeconfig: controlPlane.kubeconfig, log }));
	prometheus = stack.use(await Prometheus.start([...nodes.flatMap(gatewayTargets), operatorTarget()]));
}, 600_000);

afterAll(async () => await stack.disposeAsync());

/** As the PodMonitors of the chart have it. */
function gatewayTargets(node: string): readonly Target[] {
	const { address } = world.node(node);
	return [
		{ container: "router", port: 9270 },
		{ container: "federation", port: 9269 },
	].map(({ container, port }) => ({
		address: `${address}:${port}`,
		labels: { namespace: "default", federation: "example", node, pod: `example-${node}`, container },
		honorLabels: false,
	}));
}

function operatorTarget(): Target {
	const labels = { namespace: "xmppfed-system", pod: "operator-1", container: "operator" };
	return { address: operator.address, labels, honorLabels: true };
}

/** A federation whose nodes come to be and are restarted once; no kubelet is here: the test plays it. */
async function rollOut(): Promise<void> {
	await client.create(federations, federation("default", "example"));
	const revisions = new Map<string, string>();
	const next = async (node: string) => {
		const revision = await waitFor(`another revision of ${node}`, async () => {
			const found = await revisionOf(client, "default", node);
			return found !== undefined && found !== revisions.get(node) ? found : undefined;
		});
		revisions.set(node, revision);
		await playKubelet(client, "default", node, true);
	};
	for (const node of nodes) await next(node);
	await sleep(5_000);
	const patch = { metadata: { annotations: { "xmppfed.dev/restart": new Date().toISOString() } } };
	await client.mergePatch(federations, "default", "example", patch);
	for (const node of nodes) await next(node);
}

/** Messages with a peer, and such as nobody takes. */
async function exchange(until: number): Promise<void> {
	await using alice = await world.internalUser("alice");
	await using bob = await world.peerUser("prosody", "bob");
	while (Date.now() < until) {
		await bob.receiveMessage(await alice.sendMessage(bob.fullJid, "out"));
		await alice.receiveMessage(await bob.sendMessage(alice.fullJid, "in"));
		await alice.receiveError(await alice.sendMessage("nobody@unknown.lab", "lost"));
		await sleep(200);
	}
}

test("a real Prometheus reads everything, and evaluates every alert and every panel", async () => {
	await Promise.all([exchange(Date.now() + duration * 1000), rollOut()]);
	const targets = await prometheus.targets();
	expect(targets).toEqual(Array.from({ length: 5 }, () => ({ health: "up", lastError: "" })));

	const evaluated = await prometheus.alerts();
	expect(evaluated.map(({ name }) => name).toSorted()).toEqual(alerts.map(({ alert }) => alert).toSorted());
	for (const each of evaluated) expect(each).toMatchObject({ health: "ok" });
	expect(evaluated.filter(({ state }) => state === "firing")).toEqual([]);

	const empty = new Set<string>();
	for (const { panel, expr } of dashboardExpressions) {
		if ((await prometheus.query(expr)).length === 0) empty.add(panel);
	}
	expect([...empty].filter((panel) => !maybeEmpty.has(panel))).toEqual([]);
	console.log(`${dashboardExpressions.length} expressions; nothing to show: ${[...empty].join("; ")}`);
});
