import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { buildKubectlPlugin, kubectlPlugin } from "../../deploy/build.ts";
import { provideImages } from "../../deploy/demo/images.ts";
import { Kubectl } from "../../deploy/demo/kubectl.ts";
import { installOperator } from "../../deploy/demo/operator.ts";
import { federationReady, makeNamespace } from "../../deploy/demo/stage.ts";
import { clusterDown, clusterUp } from "../../deploy/kind/cluster.ts";
import { type CommandResult, run } from "../../deploy/lib/commands.ts";
import { startNameServer } from "../apiserver/name-server.ts";
import { useNamespace } from "../lib/cluster/environment.ts";
import { apply, type Spec, standAlone } from "../lib/cluster/federation.ts";
import { installUpstream } from "../lib/cluster/upstream.ts";

const stage = useNamespace("diagnose");
const { namespace } = stage;
const name = "diagnose";
const westName = `${inject("cluster").clusterName}-west`;
let west: Kubectl | undefined;
let directory = "";

beforeAll(async () => {
	directory = await mkdtemp(join(tmpdir(), "xmppfed-diagnose-"));
	await buildKubectlPlugin();
	const cluster = await clusterUp({ name: westName });
	west = new Kubectl(cluster);
	const images = await provideImages(cluster);
	await installOperator(west, images);
	await installUpstream(west, images.xmppServer);
	await makeNamespace(west, namespace);
}, 900_000);

afterAll(async () => {
	await clusterDown({ name: westName });
	await rm(directory, { recursive: true, force: true });
});

const spec = (place: string, changes: Partial<Spec> = {}): Partial<Spec> => ({
	nodes: [
		{ name: "gw-1", federation: "Enabled" },
		{ name: "gw-2", federation: "Enabled" },
	],
	security: { dialback: { secretRef: { name: "dialback" } } },
	service: { type: "LoadBalancer", hostname: `${place}.${name}.lab` },
	...changes,
});
const dialback = {
	apiVersion: "v1",
	kind: "Secret",
	metadata: { name: "dialback", namespace },
	stringData: { secret: "one secret for both of the clusters" },
};

/** The first cluster once more, under another name: its gateways reach its addresses. */
async function contextAgain(path: string): Promise<string> {
	const config = z
		.looseObject({
			clusters: z.tuple([z.looseObject({})]),
			users: z.tuple([z.looseObject({})]),
		})
		.parse(parse(await readFile(path, "utf8")));
	const again = {
		...config,
		clusters: [{ ...config.clusters[0], name: "again" }],
		users: [{ ...config.users[0], name: "again" }],
		contexts: [{ name: "again", context: { cluster: "again", user: "again" } }],
		"current-context": "again",
	};
	const file = join(directory, "again");
	await writeFile(file, JSON.stringify(again), { mode: 0o600 });
	return file;
}

const report = z.looseObject({
	domains: z.array(
		z.looseObject({ checks: z.array(z.looseObject({ check: z.string(), verdict: z.string(), finding: z.string() })) }),
	),
});

test("a domain that is federated from two clusters: what differs is found, and written as a page (R14, R18)", async () => {
	const east = stage.kubectl;
	if (!west) throw new Error("the second cluster is there while tests run");
	const dns = await startNameServer(`${name}.lab`);
	for (const [place, kubectl] of [
		["east", east],
		["west", west],
	] as const) {
		await apply(kubectl, dialback);
		await apply(kubectl, standAlone(namespace, name, spec(place)));
	}
	const ready = [await federationReady(east, namespace, name), await federationReady(west, namespace, name)];
	expect(ready).toHaveLength(2);

	const eastContext = `kind-${inject("cluster").clusterName}`;
	const westContext = `kind-${westName}`;
	const files = [east.cluster.kubeconfigPath, west.cluster.kubeconfigPath];
	const kubeconfigs = [...files, await contextAgain(east.cluster.kubeconfigPath)].join(delimiter);
	const xmppfed = async (...args: readonly string[]): Promise<CommandResult> =>
		await run([kubectlPlugin, ...args, "-n", namespace], {
			env: {
				KUBECONFIG: kubeconfigs,
				PATH: [dirname(process.execPath), process.env["PATH"]].join(delimiter),
			},
			accept: [0, 1, 2],
		});
	const diagnose = async (contexts: readonly string[], ...more: readonly string[]) =>
		await xmppfed(
			"diagnose",
			name,
			...contexts.flatMap((context) => ["--context", context]),
			"-s",
			dns.address,
			...more,
		);
	const checks = async (...contexts: readonly string[]) => {
		const { stdout, stderr } = await diagnose(contexts, "-o", "json");
		expect(stderr).toBe("");
		return report
			.parse(JSON.parse(stdout))
			.domains.flatMap((domain) => domain.checks)
			.map(({ check, verdict, finding }) => `${verdict} ${check}: ${finding}`);
	};
	const both = [eastContext, westContext] as const;
	const zones = await Promise.all(
		both.map(async (context) => (await xmppfed("dns", "show", name, "--context", context, "-o", "zone")).stdout),
	);
	await dns.publish(zones.join("\n"));

	const alike = await checks(...both);
	for (const check of ["Dialback secret", "Security", "Policy", "Aliases", "Limits", "Domains"]) {
		expect(alike).toContain(`OK ${check}: the same in 2 federations`);
	}
	for (const context of both) {
		expect(alike).toContain(`OK Enabled node: ${context}: gw-1 and gw-2`);
		expect(alike).toContainEqual(
			expect.stringMatching(
				new RegExp(
					`^OK Reachable from here: ${context}: ${namespace}/${name}: 198\\.18\\.\\S+ port 5269 answers with TLS`,
				),
			),
		);
	}
	expect(alike).toContainEqual(expect.stringMatching(/^OK DNS of diagnose\.lab: 2 records: /));
	expect(alike).toContainEqual(
		expect.stringMatching(/^OK Operator version: |^OK Gateway version: the same everywhere: /),
	);
	// Their networks are apart: each cluster is reached by this machine, and not by the other.
	expect(alike).toContainEqual(
		expect.stringMatching(new RegExp(`^Problem Reachable from ${westContext}: ${eastContext}: `)),
	);
	const again = await checks(eastContext, "again");
	expect(again).toContainEqual(expect.stringMatching(/^OK Reachable from again: kind-\S+: .*: it answers$/));

	await apply(
		west,
		standAlone(namespace, name, spec("west", { security: { mode: "TLSOptional" }, defaultPolicy: "Deny" })),
	);
	await federationReady(west, namespace, name);
	await dns.publish(zones[0] ?? "");
	const differing = await checks(...both);
	for (const expected of [
		/^Difference Security: spec\.security\.mode is TLSRequired in .*, TLSOptional in /,
		/^Difference Policy: FederationPolicy spec\.default is Allow in .*, Deny in /,
		/^Problem Dialback secret: /,
		/^Problem Reachable from \S+: .*: Network is unreachable$/,
		// What was tried from here has left nothing behind.
		/^OK Peers: 0 streams open/,
		/^Problem DNS of diagnose\.lab: not among the records: west\.diagnose\.lab:5269 of /,
	]) {
		expect(differing).toContainEqual(expect.stringMatching(expected));
	}
	const text = await diagnose(both);
	expect(text.code).toBe(2);
	const page = await diagnose(both, "-o", "html");
	expect(page.code).toBe(2);
	expect(page.stdout).toMatch(/^<!doctype html>[^]*<svg [^]*<rect class="node good"/);
	expect(`${text.stdout}${page.stdout}`).not.toContain(dialback.stringData.secret);
	const kept = process.env["XMPPFED_REPORTS"];
	if (kept !== undefined) {
		await writeFile(join(kept, "diagnosis.txt"), text.stdout);
		await writeFile(join(kept, "diagnosis.html"), page.stdout);
	}

	const logs = await xmppfed("logs", name, "--context", eastContext, "--since", "30m");
	expect(logs.stderr).toBe("");
	for (const process of ["gw-1  router", "gw-1  federation", "gw-2  router", "gw-2  federation"]) {
		expect(logs.stdout).toMatch(new RegExp(`^20\\S+Z  ${process} +(info|warn|error) `, "m"));
	}
	const times = logs.stdout.split("\n").flatMap((line) => /^20\S+Z/.exec(line)?.[0] ?? []);
	expect(times).toEqual(times.toSorted((a, b) => (a < b ? -1 : 1)));
}, 900_000);
