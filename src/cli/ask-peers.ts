import { xmppDomain } from "../gateway/domain.ts";
import { podLayout } from "../gateway/layout.ts";
import type { PodAccess } from "../kubernetes/pod-access.ts";
import { explain } from "./failure.ts";
import type { GatewayPod } from "./gateway-pods.ts";
import { type PodAnswer, peersStatus } from "./peers-view.ts";

/** ms for what one pod says. */
const timeout = 15_000;

/** What the federation connection manager of a pod says of its peers. @param peer undefined: all */
export async function askPeers(pods: PodAccess, pod: GatewayPod, peer: string | undefined): Promise<PodAnswer> {
	if (pod.absence !== undefined) return { pod, problem: pod.absence };
	const query = peer === undefined ? "" : `?peer=${encodeURIComponent(xmppDomain(peer.toLowerCase()))}`;
	try {
		const text = await pods.get(pod.namespace, pod.name, podLayout.federationHttpPort, `/status${query}`, timeout);
		return { pod, status: peersStatus.parse(JSON.parse(text)) };
	} catch (error) {
		return { pod, problem: explain(error) };
	}
}
