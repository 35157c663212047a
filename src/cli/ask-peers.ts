import { xmppDomain } from "../gateway/domain.ts";
import type { PodAccess } from "../kubernetes/pod-access.ts";
import type { GatewayPod } from "./gateway-pods.ts";
import { type PodAnswer, peersStatus } from "./peers-view.ts";
import { askPod } from "./pod-answer.ts";

/** What the federation connection manager of a pod says of its peers. @param peer undefined: all */
export async function askPeers(pods: PodAccess, pod: GatewayPod, peer: string | undefined): Promise<PodAnswer> {
	const query = peer === undefined ? "" : `?peer=${encodeURIComponent(xmppDomain(peer.toLowerCase()))}`;
	return await askPod(pods, pod, peersStatus, query);
}
