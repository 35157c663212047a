import { stringify } from "yaml";

/** Pod addresses of every cluster; kind's default. */
export const POD_SUBNET = "10.244.0.0/16";

/**
 * What `kind create cluster --config` reads: one control plane, two workers. With our own node image kind's CNI daemon is
 * missing, and the machine's control groups may be of version 1, which the kubelet refuses by default. Pure.
 */
export function kindConfiguration({ ownNodeImage }: { readonly ownNodeImage: boolean }): string {
	const kubelet = stringify({
		kind: "KubeletConfiguration",
		apiVersion: "kubelet.config.k8s.io/v1beta1",
		failCgroupV1: false,
	});
	return stringify({
		kind: "Cluster",
		apiVersion: "kind.x-k8s.io/v1alpha4",
		networking: { ipFamily: "ipv4", podSubnet: POD_SUBNET, disableDefaultCNI: ownNodeImage },
		nodes: [{ role: "control-plane" }, { role: "worker" }, { role: "worker" }],
		...(ownNodeImage ? { kubeadmConfigPatches: [kubelet] } : {}),
	});
}
