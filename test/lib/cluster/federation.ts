import type { Kubectl } from "../../../deploy/demo/kubectl.ts";
import { type LiveFederation } from "../../../deploy/demo/stage.ts";
import { until } from "../../../deploy/demo/until.ts";
import type { XmppFederation } from "../../../src/api/xmpp-federation.ts";
import { upstreams } from "./upstream.ts";

export type Spec = XmppFederation["spec"];

/**
 * A federation that stands alone and takes no address outside the cluster. Its upstream is an XMPP server that has other
 * domains: it answers, without which a federation is not ready.
 */
export function standAlone(namespace: string, name: string, changes: Partial<Spec> = {}): XmppFederation {
	return {
		apiVersion: "xmppfed.dev/v1alpha1",
		kind: "XmppFederation",
		metadata: { name, namespace },
		spec: {
			domain: `${name}.lab`,
			upstream: upstreams.usual,
			nodes: [{ name: "gw-1", federation: "Enabled" }, { name: "gw-2", federation: "Enabled" }, { name: "gw-3" }],
			service: { type: "ClusterIP" },
			...changes,
		},
	};
}

/** Applies a resource as a user does. */
export async function apply(kubectl: Kubectl, resource: object): Promise<void> {
	await kubectl.run(["apply", "-f", "-"], { input: JSON.stringify(resource) });
}

export interface Condition {
	readonly status: string;
	readonly reason: string;
	readonly message: string;
}

/** Waits until a condition of a federation's newest generation is as wanted, and gives it. */
export async function condition(
	kubectl: Kubectl,
	{ namespace, name }: { readonly namespace: string; readonly name: string },
	type: string,
	wanted: { readonly status: string; readonly reason?: string },
): Promise<Condition> {
	let seen = "";
	return await until(
		`${type}=${wanted.status} ${wanted.reason ?? ""} of federation ${name}`,
		async () => {
			const live = await kubectl.find<LiveFederation>("xmppfederation", name, namespace);
			const found = live?.status?.conditions?.find((item) => item.type === type);
			if (!found || found.observedGeneration !== live?.metadata.generation) return undefined;
			seen = `it is ${found.status} ${found.reason}: ${found.message}`;
			return found.status === wanted.status && (wanted.reason ?? found.reason) === found.reason ? found : undefined;
		},
		{ explain: async () => seen, timeout: 90_000 },
	);
}
