import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";
import { inject } from "vitest";
import { parseAllDocuments } from "yaml";
import { z } from "zod";
import type { KubernetesClient } from "../../src/kubernetes/client.ts";
import type { KubernetesObject, Resource } from "../../src/kubernetes/object.ts";
import { temporaryKubeconfig } from "./support.ts";

export interface Rule {
	readonly apiGroups: readonly string[];
	readonly resources: readonly string[];
	readonly verbs: readonly string[];
}

export interface Role extends KubernetesObject {
	readonly rules: readonly Rule[];
}

const rbac = "rbac.authorization.k8s.io/v1";
export const roles: Resource<Role> = { apiVersion: rbac, kind: "Role", plural: "roles", namespaced: true };
const roleBindings: Resource = { apiVersion: rbac, kind: "RoleBinding", plural: "rolebindings", namespaced: true };
const serviceAccounts: Resource = {
	apiVersion: "v1",
	kind: "ServiceAccount",
	plural: "serviceaccounts",
	namespaced: true,
};

/** kubectl as an administrator, of the shared control plane unless told otherwise. */
export async function kubectl(args: readonly string[], input = "", kubeconfig = inject("kubeconfig")): Promise<string> {
	const running = promisify(execFile)(inject("binaries").kubectl, [`--kubeconfig=${kubeconfig}`, ...args]);
	running.child.stdin?.end(input);
	return (await running).stdout;
}

/** A kubeconfig with a token of a service account, and so with the rights that it has by RBAC and no others. */
export async function kubeconfigOf(
	namespace: string,
	serviceAccount: string,
	administrator = inject("kubeconfig"),
): Promise<string> {
	const create = ["create", "token", serviceAccount, `--namespace=${namespace}`];
	const token = (await kubectl(create, "", administrator)).trim();
	const text = await readFile(administrator, "utf8");
	const config = z.looseObject({ users: z.array(z.looseObject({})) }).parse(JSON.parse(text));
	return await temporaryKubeconfig(JSON.stringify({ ...config, users: [{ name: "admin", user: { token } }] }));
}

/** The operator's rights in one namespace as they are installed. */
export async function installedRules(): Promise<readonly Rule[]> {
	const file = new URL("../../deploy/operator/namespaced/role.yaml", import.meta.url);
	for (const document of parseAllDocuments(await readFile(file, "utf8"))) {
		// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- manifests of this repository
		const manifest = document.toJS() as Role;
		if (manifest.kind === "Role") return manifest.rules;
	}
	throw new Error("there is no Role in deploy/operator/namespaced/role.yaml");
}

/** The rules without some rights: `VERB RESOURCE`. */
export function without(rules: readonly Rule[], ...rights: readonly string[]): Rule[] {
	return rules
		.flatMap(({ apiGroups, resources, verbs }) =>
			resources.map((resource) => ({
				apiGroups,
				resources: [resource],
				verbs: verbs.filter((verb) => !rights.includes(`${verb} ${resource}`)),
			})),
		)
		.filter(({ verbs }) => verbs.length > 0);
}

/** Gives the service account `operator` of a namespace these rights there, in place of those that it had. */
export async function grant(client: KubernetesClient, namespace: string, rules: readonly Rule[]): Promise<void> {
	const metadata = { name: "operator", namespace };
	const force = { force: true };
	await client.apply(serviceAccounts, { apiVersion: "v1", kind: "ServiceAccount", metadata }, force);
	await client.apply(roles, { apiVersion: rbac, kind: "Role", metadata, rules }, force);
	const binding = {
		apiVersion: rbac,
		kind: "RoleBinding",
		metadata,
		roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: "operator" },
		subjects: [{ kind: "ServiceAccount", name: "operator", namespace }],
	};
	await client.apply(roleBindings, binding, force);
}
