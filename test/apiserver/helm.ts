import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, inject, onTestFinished } from "vitest";
import { parseAllDocuments } from "yaml";
import { root } from "../../deploy/generate.ts";
import { type CommandResult, run } from "../../deploy/lib/commands.ts";
import type { KubernetesObject } from "../../src/kubernetes/object.ts";

export const chart = join(root, "charts/xmpp-federation-operator");
/** The values that everybody has to give. */
export const images = [
	"--set=image.repository=registry.example/operator",
	"--set=gatewayImage.repository=registry.example/gateway",
];

/** Helm 4 and Helm 3. */
export const helms = ["helm", "helm3"] as const;
type Helm = (typeof helms)[number];

/** Runs helm against the test's API server, with nothing of the machine's own configuration. */
export async function runHelm(
	args: readonly string[],
	{ namespace = "default", helm = "helm" }: { namespace?: string; helm?: Helm } = {},
): Promise<CommandResult> {
	const home = await mkdtemp(join(tmpdir(), "xmppfed-helm-"));
	onTestFinished(async () => await rm(home, { recursive: true }));
	const env = { HOME: home, KUBECONFIG: inject("kubeconfig"), HELM_NAMESPACE: namespace };
	return await run([inject("binaries")[helm], ...args], { env, accept: [0, 1] });
}

export async function rendered(args: readonly string[], release = "edge"): Promise<readonly KubernetesObject[]> {
	const { code, stdout, stderr } = await runHelm(["template", release, chart, ...images, ...args]);
	expect(stderr.replaceAll(/^level=WARN.*\n/gm, "")).toBe("");
	expect(code).toBe(0);
	return objectsOf(stdout);
}

export function objectsOf(manifests: string): readonly KubernetesObject[] {
	return parseAllDocuments(manifests).flatMap((document) => document.toJS() ?? []);
}
