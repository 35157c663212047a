import type { Kubectl, KubernetesObject } from "../../../deploy/demo/kubectl.ts";
import { until } from "../../../deploy/demo/until.ts";
import type { FederationPolicy } from "../../../src/api/federation-policy.ts";

export type LivePolicy = FederationPolicy & KubernetesObject;

/** Waits until every node enforces what a FederationPolicy says now. */
export async function programmed(kubectl: Kubectl, namespace: string, name: string): Promise<LivePolicy> {
	const find = async () => await kubectl.find<LivePolicy>("federationpolicy", name, namespace);
	return await until(
		`FederationPolicy ${name} to be programmed`,
		async () => {
			const found = await find();
			const condition = found?.status?.conditions?.find(({ type }) => type === "Programmed");
			const isNew = condition?.observedGeneration === found?.metadata.generation;
			return isNew && condition?.status === "True" ? found : undefined;
		},
		{ timeout: 300_000, explain: async () => JSON.stringify((await find())?.status, undefined, "\t") },
	);
}
