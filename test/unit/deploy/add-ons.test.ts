import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { loadBalancerRange, metallbManifest, withoutForwarding } from "../../../deploy/kind/add-ons.ts";
import { kindConfiguration } from "../../../deploy/kind/kind-configuration.ts";

/** As kubeadm 1.36 writes it. */
const corefile = `.:53 {
    errors
    kubernetes cluster.local in-addr.arpa ip6.arpa {
       fallthrough in-addr.arpa ip6.arpa
    }
    forward . /etc/resolv.conf {
       max_concurrent 1000
    }
    cache 30
    loop
}
`;

describe("withoutForwarding", () => {
	it("keeps the cluster's own zones and denies every other name at once", () => {
		const changed = withoutForwarding(corefile);
		expect(changed).not.toContain("forward");
		expect(changed).not.toContain("max_concurrent");
		const blocks = changed.split(/^(?=\S+.* \{$)/m);
		expect(blocks).toHaveLength(2);
		expect(blocks[0]).toMatch(/^cluster\.local:53 in-addr\.arpa:53 ip6\.arpa:53 \{\n {4}errors\n {4}kubernetes /);
		expect(blocks[0]).toContain("    cache 30\n    loop\n}\n");
		expect(blocks[1]).toMatch(/^\.:53 \{[^]*rcode NXDOMAIN/);
	});

	it("refuses what it does not know", () => {
		expect(() => withoutForwarding(".:53 {\n    whoami\n}\n")).toThrow("not configured as kubeadm does it");
		expect(() => withoutForwarding(withoutForwarding(corefile))).toThrow("not configured as kubeadm does it");
	});
});

describe("metallbManifest", () => {
	const manifest = `kind: Deployment
spec: {template: {spec: {containers: [{args: [--port=7472], readinessProbe: {periodSeconds: 10}}]}}}
---
kind: ValidatingWebhookConfiguration
---
kind: DaemonSet
`;
	it("runs without the webhook and with the speakers' key", () => {
		const list: unknown = JSON.parse(metallbManifest(manifest, "c2VjcmV0"));
		expect(list).toHaveProperty("items", [
			{
				kind: "Deployment",
				spec: {
					template: {
						spec: {
							containers: [
								{
									args: ["--port=7472", "--webhook-mode=disabled"],
									readinessProbe: { periodSeconds: 2, initialDelaySeconds: 1 },
								},
							],
						},
					},
				},
			},
			{ kind: "DaemonSet" },
			{
				apiVersion: "v1",
				kind: "Secret",
				metadata: { name: "memberlist", namespace: "metallb-system" },
				stringData: { secretkey: "c2VjcmV0" },
			},
		]);
	});
});

describe("loadBalancerRange", () => {
	it("is at the end of the first IPv4 subnet", () => {
		expect(loadBalancerRange(["fc00:f853:ccd:e793::/64", "172.18.0.0/16"])).toBe("172.18.255.200-172.18.255.250");
		expect(loadBalancerRange(["10.89.3.0/24"])).toBe("10.89.3.200-10.89.3.250");
	});
	it("names what is wrong where there is none", () => {
		expect(() => loadBalancerRange(["10.0.0.0/28"])).toThrow("no IPv4 subnet of at least 256 addresses: 10.0.0.0/28");
	});
});

const fields = z.record(z.string(), z.unknown());

describe("kindConfiguration", () => {
	it("asks for one control plane and two workers", () => {
		const { nodes, networking } = fields.parse(parse(kindConfiguration({ ownNodeImage: false })));
		expect(nodes).toEqual([{ role: "control-plane" }, { role: "worker" }, { role: "worker" }]);
		expect(networking).toMatchObject({ disableDefaultCNI: false });
	});
	it("takes kind's CNI away from our own node image, and allows control groups of version 1", () => {
		const { networking, kubeadmConfigPatches } = fields.parse(parse(kindConfiguration({ ownNodeImage: true })));
		expect(networking).toMatchObject({ disableDefaultCNI: true });
		expect(parse(String(kubeadmConfigPatches))).toMatchObject({ kind: "KubeletConfiguration", failCgroupV1: false });
	});
});
