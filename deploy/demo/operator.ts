import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseAllDocuments } from "yaml";
import { RemedyError } from "../lib/steps.ts";
import type { ImageNames } from "./images.ts";
import type { Kubectl, KubernetesObject } from "./kubectl.ts";

export const OPERATOR_NAMESPACE = "xmppfed-system";
export const OPERATOR_DEPLOYMENT = "xmpp-federation-operator";

const here = fileURLToPath(new URL("../..", import.meta.url));
const manifestsOf = (checkout: string) => join(checkout, "deploy/operator");
const definitionsOf = (checkout: string) => join(checkout, "crds");

/**
 * Installs the CRDs and the operator, with the images that were built, and waits until it is available.
 *
 * @param checkout whose manifests are installed
 */
export async function installOperator(
	kubectl: Kubectl,
	images: Pick<ImageNames, "operator" | "gateway">,
	checkout = here,
): Promise<void> {
	const [manifests, definitions] = [manifestsOf(checkout), definitionsOf(checkout)];
	await kubectl.run(["apply", "--server-side", "--force-conflicts", "-f", definitions]);
	await kubectl.run(["wait", "--for=condition=Established", "--timeout=60s", "-f", definitions]);
	const written = parseAllDocuments(await kubectl.run(["kustomize", manifests])).map(
		// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- manifests of this repository
		(document) => document.toJS() as KubernetesObject,
	);
	const named = JSON.stringify(written)
		.replaceAll("localhost/xmpp-federation-operator:dev", images.operator)
		.replaceAll("localhost/xmpp-federation-gateway:dev", images.gateway);
	// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the same objects again
	await kubectl.apply(...(JSON.parse(named) as KubernetesObject[]));
	const wait = ["rollout", "status", `deployment/${OPERATOR_DEPLOYMENT}`, "-n", OPERATOR_NAMESPACE, "--timeout=120s"];
	await kubectl.run(wait).catch(async (error: unknown) => {
		const pods = await kubectl.run(["get", "pods", "-n", OPERATOR_NAMESPACE, "-o", "wide"]);
		const selector = `app.kubernetes.io/name=${OPERATOR_DEPLOYMENT}`;
		const logs = await kubectl
			.run(["logs", "-n", OPERATOR_NAMESPACE, "-l", selector, "--tail=10", "--prefix"])
			.catch(() => "");
		throw new RemedyError(
			`the operator does not become available.\n${pods}${logs}`.trimEnd(),
			"read its log above. If it says nothing, see the pods' events: kubectl describe pods -n xmppfed-system",
			{ cause: error },
		);
	});
}

/** Removes the operator with its CRDs, and so every federation. */
export async function removeOperator(kubectl: Kubectl): Promise<void> {
	await kubectl.run(["delete", "--ignore-not-found", "-f", definitionsOf(here)]);
	await kubectl.run(["delete", "--ignore-not-found", "-k", manifestsOf(here)]);
}
