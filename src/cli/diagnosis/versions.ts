import type { ClusterFacts, FederationFacts } from "./facts.ts";
import { nameOf } from "./names.ts";
import { type DiagnosisCheck, difference, ok, unknown } from "./report.ts";

/** Operators of the clusters. */
export function diagnoseOperators(clusters: readonly ClusterFacts[]): readonly DiagnosisCheck[] {
	const check = "Operator version";
	const unread = clusters.flatMap(({ cluster, operators, federations }) =>
		"problem" in operators && !("problem" in federations) ? [unknown(check, `${cluster}: ${operators.problem}`)] : [],
	);
	const images = clusters.flatMap(({ cluster, operators }) =>
		"value" in operators
			? operators.value.map(({ namespace, image }) => ({ image, where: `${cluster}: ${namespace}` }))
			: [],
	);
	const remedy = "Upgrade all clusters to the same version: settings that only one knows are not kept by the other.";
	return [...(images.length === 0 ? [] : [compared(check, images, remedy)]), ...unread];
}

/** Gateway images of the nodes of one domain. */
export function diagnoseImages(federations: readonly FederationFacts[]): readonly DiagnosisCheck[] {
	const check = "Gateway version";
	const unread = federations.flatMap((facts) =>
		"problem" in facts.images ? [unknown(check, `${nameOf(facts)}: ${facts.images.problem}`)] : [],
	);
	const images = federations.flatMap((facts) =>
		"value" in facts.images
			? [...facts.images.value].map(([node, image]) => ({ image, where: `${nameOf(facts)} node ${node}` }))
			: [],
	);
	const remedy =
		"Nodes keep their image until their next restart: kubectl xmppfed restart NAME, or spec.rollout.imageUpdates: Automatic. Between clusters, upgrade the operator.";
	return [...(images.length === 0 ? [] : [compared(check, images, remedy)]), ...unread];
}

/** By what an image is called after the place that it was pulled from: each cluster may have a registry of its own. */
function compared(
	check: string,
	images: readonly { readonly image: string; readonly where: string }[],
	remedy: string,
): DiagnosisCheck {
	const byVersion = Map.groupBy(images, ({ image }) => image.split("/").at(-1) ?? image);
	const [only] = byVersion.keys();
	if (byVersion.size === 1) return ok(check, `the same everywhere: ${only}`);
	const list = [...byVersion].map(([image, found]) => `${image} in ${found.map(({ where }) => where).join(", ")}`);
	return difference(check, list.join("; "), remedy);
}
