import { type GatewayPod, gatewayPods, nodeOf } from "../../../deploy/demo/gateway-status.ts";
import type { Kubectl } from "../../../deploy/demo/kubectl.ts";
import { until } from "../../../deploy/demo/until.ts";

/** What tells whether a node's pod or a process in it was restarted: `UID RESTARTS RESTARTS`, by node. */
export async function runningPods(
	kubectl: Kubectl,
	namespace: string,
	federation: string,
): Promise<ReadonlyMap<string, string>> {
	const pods = await gatewayPods(kubectl, namespace, federation);
	return new Map(pods.map((pod) => [nodeOf(pod), lifeOf(pod)]));
}

/** The same of all pods of namespaces that a selector chooses and that are not being deleted, by their names. */
export async function allPods(
	kubectl: Kubectl,
	namespaces: readonly string[],
	selector: string,
): Promise<ReadonlyMap<string, string>> {
	const list = async (namespace: string) => await kubectl.list<GatewayPod>("pods", namespace, selector);
	const pods = await Promise.all(namespaces.map(list));
	const staying = pods.flat().filter(({ metadata }) => metadata.deletionTimestamp === undefined);
	return new Map(staying.map((pod) => [pod.metadata.name, lifeOf(pod)]));
}

function lifeOf({ metadata, status }: GatewayPod): string {
	const restarts = status.containerStatuses?.map(({ restartCount }) => restartCount) ?? [];
	return [metadata.uid, ...restarts].join(" ");
}

/** Waits until the operator that runs now has carried out a change that restarts nothing. */
export async function awaitLook(kubectl: Kubectl, namespace: string, federation: string, mark: string): Promise<void> {
	await kubectl.patch("xmppfederation", federation, namespace, { spec: { service: { labels: { look: mark } } } });
	await until(`the operator to look at federation ${federation}`, async () =>
		(await kubectl.list("services", namespace)).some(({ metadata }) => metadata.labels?.["look"] === mark),
	);
}
