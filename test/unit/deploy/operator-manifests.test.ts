import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parseAllDocuments } from "yaml";

interface Manifest {
	readonly kind: string;
	readonly metadata: { readonly name: string };
	readonly rules?: readonly object[];
}

function manifests(file: string): Manifest[] {
	const text = readFileSync(new URL(`../../../deploy/operator/${file}`, import.meta.url), "utf8");
	// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- manifests of this repository
	return parseAllDocuments(text).map((document) => document.toJS() as Manifest);
}

test("the operator has the same rights in one namespace as in all", () => {
	const everywhere = manifests("rbac.yaml").find(
		({ metadata }) => metadata.name === "xmpp-federation-operator-federations",
	);
	const inOne = manifests("namespaced/role.yaml").find(({ kind }) => kind === "Role");
	expect(inOne?.rules?.length).toBeGreaterThan(0);
	expect(inOne?.rules).toEqual(everywhere?.rules);
});

test("an installation for one namespace makes nothing outside it", () => {
	const kinds = [
		"base/rbac.yaml",
		"base/poddisruptionbudget.yaml",
		"base/deployment.yaml",
		"namespaced/role.yaml",
	].flatMap(manifests);
	expect(new Set(kinds.map(({ kind }) => kind))).toEqual(
		new Set(["ServiceAccount", "Role", "RoleBinding", "PodDisruptionBudget", "Deployment"]),
	);
});
