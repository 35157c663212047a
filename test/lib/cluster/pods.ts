import { gatewayPods, nodeOf } from "../../../deploy/demo/gateway-status.ts";
import type { Kubectl } from "../../../deploy/demo/kubectl.ts";
import { until } from "../../../deploy/demo/until.ts";

/** What tells whether a node's pod or a process in it was restarted: `UID RESTARTS RESTARTS`, by node. */
export async function runningPods(
	kubectl: Kubectl,
	namespace: string,
	federation: string,
): Promise<ReadonlyMap<string, string>> {
	const pods = await gatewayPods(kubectl, namespace, federation);
	return new Map(
		pods.map((pod) => {
			const restarts = pod.status.containerStatuses?.map(({ restartCount }) => restartCount) ?? [];
			return [nodeOf(pod), [pod.metadata.uid, ...restarts].join(" ")];
		}),
	);
}

/** Waits until the operator that runs now has carried out a change that restarts nothing. */
export async function awaitLook(kubectl: Kubectl, namespace: string, federation: string, mark: string): Promise<void> {
	await kubectl.patch("xmppfederation", federation, namespace, { spec: { service: { labels: { look: mark } } } });
	await until(`the operator to look at federation ${federation}`, async () =>
		(await kubectl.list("services", namespace)).some(({ metadata }) => metadata.labels?.["look"] === mark),
	);
}
