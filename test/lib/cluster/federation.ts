import type { Kubectl } from "../../../deploy/demo/kubectl.ts";
import type { LiveFederation } from "../../../deploy/demo/stage.ts";
import { until } from "../../../deploy/demo/until.ts";
import type { XmppFederation } from "../../../src/api/xmpp-federation.ts";
import { type StandAloneName, standAloneDomain, upstreams } from "./upstream.ts";

export type Spec = XmppFederation["spec"];

/** A federation that no message goes through, and that takes no address outside the cluster. */
export function standAlone(namespace: string, name: StandAloneName, changes: Partial<Spec> = {}): XmppFederation {
	return {
		apiVersion: "xmppfed.dev/v1alpha1",
		kind: "XmppFederation",
		metadata: { name, namespace },
		spec: {
			domain: standAloneDomain(name),
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

export interface FederationName {
	readonly namespace: string;
	readonly name: string;
}

/** A federation as it is now. */
export async function liveFederation(kubectl: Kubectl, { namespace, name }: FederationName): Promise<LiveFederation> {
	const found = await kubectl.find<LiveFederation>("xmppfederation", name, namespace);
	if (!found) throw new Error(`federation ${name} is gone`);
	return found;
}

/** Makes a change that nodes restart for or take over, and waits until that is over. Gives the causes that status tells. */
export async function rollOut(kubectl: Kubectl, federation: FederationName, change: () => Promise<unknown>) {
	const look = async () => (await liveFederation(kubectl, federation)).status;
	const before = JSON.stringify((await look())?.finishedRollouts?.[0]);
	await change();
	return await until(
		`a roll-out of federation ${federation.name} to be over`,
		async () => {
			const status = await look();
			const finished = status?.finishedRollouts?.[0];
			return !status?.rollout && JSON.stringify(finished) !== before ? finished?.causes : undefined;
		},
		{ timeout: 300_000, explain: async () => JSON.stringify(await look(), undefined, "\t") },
	);
}

export interface Condition {
	readonly status: string;
	readonly reason: string;
	readonly message: string;
}

/** Waits until a condition of a federation's newest generation is as wanted, and gives it. */
export async function condition(
	kubectl: Kubectl,
	{ namespace, name }: FederationName,
	type: string,
	wanted: { readonly status: string; readonly reason?: string; readonly message?: RegExp },
	{ timeout = 90_000 }: { readonly timeout?: number } = {},
): Promise<Condition> {
	let seen = "";
	return await until(
		[`${type}=${wanted.status}`, wanted.reason, wanted.message, "of federation", name].filter(Boolean).join(" "),
		async () => {
			const live = await kubectl.find<LiveFederation>("xmppfederation", name, namespace);
			const found = live?.status?.conditions?.find((item) => item.type === type);
			if (!found || found.observedGeneration !== live?.metadata.generation) return undefined;
			seen = `it is ${found.status} ${found.reason}: ${found.message}`;
			const { status, reason = found.reason, message = /(?:)/ } = wanted;
			return found.status === status && found.reason === reason && message.test(found.message) ? found : undefined;
		},
		{ explain: async () => seen, timeout },
	);
}
