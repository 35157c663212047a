import { mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { logIn, logOut } from "../../deploy/demo/conversation.ts";
import { runHelm } from "../../deploy/demo/helm.ts";
import type { Kubectl } from "../../deploy/demo/kubectl.ts";
import {
	installOperator,
	OPERATOR_DEPLOYMENT,
	OPERATOR_NAMESPACE,
	uninstallOperator,
} from "../../deploy/demo/operator.ts";
import { CERTIFICATE_SECRET } from "../../deploy/demo/scene.ts";
import { federationReady, type LiveFederation } from "../../deploy/demo/stage.ts";
import { until } from "../../deploy/demo/until.ts";
import { buildImage, clusterLoad, findCluster } from "../../deploy/kind/cluster.ts";
import { run, succeeds } from "../../deploy/lib/commands.ts";
import { connect, images, useScene } from "../lib/cluster/environment.ts";
import { awaitLook, runningPods } from "../lib/cluster/pods.ts";

/** The commit that the chart came with. */
const older = "bf3c7c3";
/** No pod can run it. */
const newerGateway = "registry.example/gateway:newer";

const root = fileURLToPath(new URL("../..", import.meta.url));
/** A shallow clone, or a tree without its repository, cannot build what was: there the upgrade is of the image alone. */
const hasHistory = await succeeds(["git", "-C", root, "cat-file", "-e", `${older}^{commit}`]);
const origin = hasHistory ? `commit ${older}` : `today (commit ${older} is not in this clone)`;

/*
 * The life of an installation: the chart and the operator of an older commit, an upgrade to today's, `helm test`, the end.
 * The release is the one of all cluster tests. Files follow each other, and what they have left behind is being deleted.
 */
beforeAll(async () => {
	const kubectl = await connect();
	await uninstallOperator(kubectl);
	if (hasHistory) await installOlder(kubectl);
	else await installOperator(kubectl, images());
});
// After that: the federation is made by the older operator.
const stage = useScene("chart", { internalServer: "prosody" });
afterAll(async () => await installOperator(stage.kubectl, images()));

test(`the chart of ${origin} is upgraded with a newer gateway image: the CRDs follow, and no gateway restarts`, async () => {
	const { kubectl, scene } = stage;
	const before = await pods();
	expect([...before.keys()]).toEqual(["gw-1", "gw-2", "gw-3"]);
	const imagesBefore = await effective();

	await installOperator(kubectl, { ...images(), gateway: newerGateway });
	await awaitLook(kubectl, scene.internal.namespace, scene.federation, "today");
	await federationReady(kubectl, scene.internal.namespace, scene.federation);
	expect(await pods()).toEqual(before);
	expect(imagesBefore).toMatchObject({ image: images().gateway });
	expect(await effective()).toMatchObject({
		image: images().gateway,
		imageFrom: "Operator",
		operatorImage: newerGateway,
	});
	await messagesCross();
});

test("helm test that fails says why, and leaves nothing but its log", async () => {
	const { kubectl } = stage;
	// With a gateway image that is to be had: its own pod runs it.
	await installOperator(kubectl, images(), { values: ["test.timeoutSeconds=1"] });
	const { code, stdout, stderr } = await helmTest();
	expect(code, `${stdout}${stderr}`).toBe(1);
	const name = `test-${OPERATOR_DEPLOYMENT}`;
	const log = await kubectl.run(["logs", name, "-n", OPERATOR_NAMESPACE]);
	expect(log).toMatch(/XmppFederation \S+: .+\n.*FAILED after 1 s\.\nThe federation did not become ready\. .+\n/);
	expect(log).toContain(`kubectl logs -n ${OPERATOR_NAMESPACE} deployment/${OPERATOR_DEPLOYMENT}`);
	expect(await leftByTest()).toEqual([`Pod/${name}`]);
});

test("helm test federates with a peer of its own, both ways, and leaves nothing", async () => {
	await installOperator(stage.kubectl, images());
	const { code, stdout, stderr } = await helmTest("--logs");
	expect(code, `${stdout}${stderr}`).toBe(0);
	expect(stdout).toMatch(/Phase: +Succeeded/);
	expect(stdout).toContain("has come: messages cross both ways");
	expect(await leftByTest()).toEqual([]);
});

test("uninstalled, it leaves CRDs, federations and their gateways, and messages cross", async () => {
	const { kubectl, scene } = stage;
	const before = await pods();
	await uninstallOperator(kubectl);
	expect(await kubectl.list("deployments,serviceaccounts,roles", OPERATOR_NAMESPACE, ofRelease)).toEqual([]);
	const definitions = await kubectl.run(["get", "crd", "-o", "name"]);
	for (const kind of ["xmppfederations", "federationpolicies", "chatnodealiases"]) {
		expect(definitions).toContain(`/${kind}.xmppfed.dev\n`);
	}
	expect(await kubectl.find("xmppfederation", scene.federation, scene.internal.namespace)).toBeDefined();
	expect(await pods()).toEqual(before);
	await messagesCross();
});

test("the CRD removed with a federation there: its gateways go by garbage collection, and nothing else", async () => {
	const { kubectl, scene } = stage;
	const { namespace } = scene.internal;
	const certificate = await kubectl.find("secret", CERTIFICATE_SECRET, namespace);
	const server = await kubectl.find("deployment", scene.internal.server, namespace);
	// No operator runs.
	await kubectl.run(["delete", "crd", "xmppfederations.xmppfed.dev"]);
	await until("the federation's objects to be gone", async () => {
		const kinds = "deployments,pods,services,configmaps,secrets,networkpolicies,poddisruptionbudgets";
		return (await kubectl.list(kinds, namespace, `xmppfed.dev/federation=${scene.federation}`)).length === 0;
	});
	expect(await kubectl.find("secret", CERTIFICATE_SECRET, namespace)).toEqual(certificate);
	expect((await kubectl.find("deployment", scene.internal.server, namespace))?.metadata.uid).toBe(server?.metadata.uid);
});

const ofRelease = `app.kubernetes.io/instance=${OPERATOR_DEPLOYMENT}`;

/** Installs the chart of the older commit with the operator of that commit. */
async function installOlder(kubectl: Kubectl): Promise<void> {
	const cluster = await findCluster({ name: kubectl.cluster.name });
	if (!cluster) throw new Error(`cluster ${kubectl.cluster.name} is gone`);
	const checkout = await mkdtemp(join(tmpdir(), "xmppfed-older-"));
	try {
		await run(["sh", "-c", `git -C "$1" archive ${older} | tar -x -C "$2"`, "sh", root, checkout]);
		await symlink(join(root, "node_modules"), join(checkout, "node_modules"));
		await run([process.execPath, join(checkout, "deploy/build.ts")]);
		const tag = `localhost/xmpp-federation-operator:${older}`;
		await clusterLoad(cluster, [await buildImage({ context: join(checkout, "dist/operator"), tag })]);
		await installOperator(kubectl, { ...images(), operator: tag }, { checkout });
	} finally {
		await rm(checkout, { recursive: true, force: true });
	}
}

async function pods(): Promise<ReadonlyMap<string, string>> {
	return await runningPods(stage.kubectl, stage.scene.internal.namespace, stage.scene.federation);
}

async function effective(): Promise<unknown> {
	const { kubectl, scene } = stage;
	const live = await kubectl.find<LiveFederation>("xmppfederation", scene.federation, scene.internal.namespace);
	return live?.status?.effective;
}

async function messagesCross(): Promise<void> {
	const couple = await logIn(stage.scene, stage.addresses);
	try {
		for (const [from, to] of [
			[couple.internal, couple.remote],
			[couple.remote, couple.internal],
		] as const) {
			await to.receiveMessage(await from.sendMessage(to.jid, "hello"));
		}
	} finally {
		await logOut(couple);
	}
}

async function helmTest(...flags: readonly string[]) {
	const command = ["test", OPERATOR_DEPLOYMENT, "--namespace", OPERATOR_NAMESPACE, ...flags];
	return await runHelm(stage.kubectl, command, { accept: [0, 1] });
}

/** What `helm test` has made and not removed, as KIND/NAME. */
async function leftByTest(): Promise<string[]> {
	const kinds = "pods,services,configmaps,serviceaccounts,roles,rolebindings,xmppfederations";
	const selector = `${ofRelease},app.kubernetes.io/component=test`;
	const objects = await stage.kubectl.list(kinds, OPERATOR_NAMESPACE, selector);
	return objects.map(({ kind, metadata }) => `${kind}/${metadata.name}`);
}
