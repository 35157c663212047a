import { beforeAll, expect, test } from "vitest";
import { buildKubectlPlugin } from "../../deploy/build.ts";
import { runningFederation, xmppfed } from "./cli-support.ts";
import { kubeconfigOf, kubectl } from "./rights.ts";

beforeAll(async () => void (await buildKubectlPlugin()));

/** No kubelet runs here: how pods are reached, and what they say, is for the cluster tests. */
test("peers and check say what is wrong where they do not reach a pod", async () => {
	const { namespace } = await runningFederation();
	const run = async (...args: readonly string[]) => await xmppfed([...args, "-n", namespace]);

	const unreached = await run("peers", "example");
	expect(unreached.stdout).toMatch(
		/^NOT READ\nnode gw-1 \(pod \S+\): the API server refuses .*does not have a host assigned\nnode gw-2 \(pod /,
	);
	expect(unreached.code).toBe(1);
	expect(JSON.parse((await run("peers", "-o", "json")).stdout)).toMatchObject({
		nodes: [
			{ federation: "example", node: "gw-1", problem: expect.stringContaining("does not have a host assigned") },
			{ federation: "example", node: "gw-2" },
		],
	});

	const unaudited = await run("policy", "audit");
	expect(unaudited.stdout).toMatch(/^NOT READ\nnode gw-1 \(pod \S+\): .*does not have a host assigned\nnode gw-2 /);
	expect(unaudited.code).toBe(1);

	for (const [args, message] of [
		[["check"], "error: PEER is missing\nSee: kubectl xmppfed check --help\n"],
		[["check", "peer.example", "other"], 'error: there is no XmppFederation "other" in namespace'],
		[
			["check", "peer.example", "--node", "gw-9"],
			'example has no node "gw-9" that is Enabled\nThere are: gw-1, gw-2\n',
		],
		[["peers", "other"], 'error: there is no XmppFederation "other" in namespace'],
		[["peers", "-o", "xml"], 'error: -o takes wide, json or yaml, not "xml"'],
	] as const) {
		const { code, stderr } = await run(...args);
		expect(stderr).toContain(message);
		expect(code).toBe(1);
	}

	const inNamespace = `--namespace=${namespace}`;
	await kubectl([inNamespace, "create", "serviceaccount", "reader"]);
	await kubectl([
		inNamespace,
		"create",
		"role",
		"reader",
		"--verb=get,list",
		"--resource=pods,xmppfederations.xmppfed.dev",
	]);
	await kubectl([
		inNamespace,
		"create",
		"rolebinding",
		"reader",
		"--role=reader",
		`--serviceaccount=${namespace}:reader`,
	]);
	const asReader = { kubeconfig: await kubeconfigOf(namespace, "reader") };
	const peers = await xmppfed(["peers", "-n", namespace], asReader);
	expect(peers.stdout).toContain(`you may not create pods/portforward in namespace ${namespace}`);
	expect(peers.stdout).toContain(
		"Ask for a role with the verb create on pods/portforward, such as the cluster role edit.",
	);
	expect(peers.code).toBe(1);
	const check = await xmppfed(["check", "peer.example", "-n", namespace], asReader);
	expect(check.stderr).toContain(`error: you may not create pods/exec in namespace ${namespace}`);
	expect(check.code).toBe(1);
});
