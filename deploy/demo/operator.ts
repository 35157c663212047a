import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { RemedyError } from "../lib/steps.ts";
import { runHelm } from "./helm.ts";
import type { OperatorImages } from "./images.ts";
import type { Kubectl } from "./kubectl.ts";
import { makeNamespace } from "./stage.ts";

export const OPERATOR_NAMESPACE = "xmppfed-system";
/** Of the release as well: the chart then names its objects so. */
export const OPERATOR_DEPLOYMENT = "xmpp-federation-operator";

const here = fileURLToPath(new URL("../..", import.meta.url));
const inOwnNamespace = ["--namespace", OPERATOR_NAMESPACE];

export interface InstallOptions {
	/** Whose chart is installed; this one if absent. */
	readonly checkout?: string;
	/** Values of the chart, `PATH=VALUE`. */
	readonly values?: readonly string[];
}

/** Installs or upgrades the operator by the chart, with the images that were built, and waits until it is available. */
export async function installOperator(
	kubectl: Kubectl,
	images: OperatorImages,
	{ checkout = here, values = [] }: InstallOptions = {},
): Promise<void> {
	await makeNamespace(kubectl, OPERATOR_NAMESPACE);
	const chart = join(checkout, "charts/xmpp-federation-operator");
	const set = [...imageValues("image", images.operator), ...imageValues("gatewayImage", images.gateway), ...values];
	// What somebody has changed with kubectl meanwhile becomes what the chart says.
	const flags = ["--install", "--force-conflicts", ...inOwnNamespace, ...set.map((value) => `--set=${value}`)];
	await runHelm(kubectl, ["upgrade", OPERATOR_DEPLOYMENT, chart, ...flags]);
	const definitions = ["xmppfederations", "federationpolicies", "chatnodealiases"].map(
		(name) => `crd/${name}.xmppfed.dev`,
	);
	await kubectl.run(["wait", "--for=condition=Established", "--timeout=60s", ...definitions]);
	const wait = ["rollout", "status", `deployment/${OPERATOR_DEPLOYMENT}`, ...inOwnNamespace, "--timeout=120s"];
	await kubectl.run(wait).catch(async (error: unknown) => {
		const pods = await kubectl.run(["get", "pods", ...inOwnNamespace, "-o", "wide"]);
		const selector = `app.kubernetes.io/name=${OPERATOR_DEPLOYMENT}`;
		const logs = await kubectl
			.run(["logs", ...inOwnNamespace, "-l", selector, "--tail=10", "--prefix"])
			.catch(() => "");
		throw new RemedyError(
			`the operator does not become available.\n${pods}${logs}`.trimEnd(),
			"read its log above. If it says nothing, see the pods' events: kubectl describe pods -n xmppfed-system",
			{ cause: error },
		);
	});
}

/** `NAME:TAG` as the chart takes it. */
function imageValues(value: string, image: string): string[] {
	const tag = image.lastIndexOf(":");
	return [`${value}.repository=${image.slice(0, tag)}`, `${value}.tag=${image.slice(tag + 1)}`];
}

/** Removes the operator; the CRDs and all federations stay. */
export async function uninstallOperator(kubectl: Kubectl): Promise<void> {
	await runHelm(kubectl, ["uninstall", OPERATOR_DEPLOYMENT, "--ignore-not-found", ...inOwnNamespace]);
}

/** Removes the operator with its CRDs, and so every federation. */
export async function removeOperator(kubectl: Kubectl): Promise<void> {
	await kubectl.run(["delete", "--ignore-not-found", "-f", join(here, "crds")]);
	await uninstallOperator(kubectl);
	await kubectl.delete("namespace", OPERATOR_NAMESPACE);
}
