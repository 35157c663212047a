import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { root } from "../../deploy/generate.ts";
import {
	federation,
	longName,
	withBounds,
	withHost,
	withInternalService,
	withLimits,
	withNetworkPeer,
	withNode,
	withRequests,
	withService,
	withToleration,
} from "./builders.ts";
import type { Resource, ValidCase } from "./cases.ts";
import { hostileTexts, longestAnnotation } from "./hostile-texts.ts";

function sample(file: string): Resource {
	return parse(readFileSync(join(root, "deploy/samples", file), "utf8"));
}

export const validFederations: readonly ValidCase[] = [
	{ name: "sample: smallest", resource: sample("smallest.yaml") },
	{ name: "sample: full", resource: sample("full.yaml") },
	{ name: "domain in upper case", resource: federation({ domain: "StandAloneCluster.EXAMPLE.com" }) },
	{ name: "domain with digits and hyphens", resource: federation({ domain: "1-2--3.4.x--y" }) },
	{ name: "domain in its xn-- form", resource: federation({ domain: "xn--bcher-kva.xn--p1ai" }) },
	{ name: "domain of 253 characters", resource: federation({ domain: longName(253) }) },
	{ name: "domain with a label of 63 characters", resource: federation({ domain: `${"a".repeat(63)}.example` }) },
	{ name: "name of 40 characters", resource: federation({}, "a".repeat(40)) },
	{ name: "no additional domains", resource: federation({ additionalDomains: [] }) },
	{
		name: "32 additional domains of 253 characters",
		resource: federation({ additionalDomains: Array.from({ length: 32 }, (_, i) => `${i}${longName(250)}`) }),
	},
	{ name: "upstream: IPv4 address", resource: withHost("10.0.0.1") },
	{ name: "upstream: IPv6 address", resource: withHost("2001:db8::1") },
	{ name: "upstream: IPv6 address that ends in IPv4 form", resource: withHost("2001:db8::10.0.0.1") },
	{ name: "upstream: unique local IPv6 address", resource: withHost("fd00::1") },
	{ name: "upstream: Service in full", resource: withHost("xmpp.chat.svc.cluster.local") },
	{ name: "upstream: lowest and highest port", resource: federation({ upstream: { host: "10.0.0.1", port: 65_535 } }) },
	{
		name: "all nodes Disabled",
		resource: federation({ nodes: [{ name: "a" }, { name: "b", federation: "Disabled" }] }),
	},
	{ name: "Disabled node that is not published", resource: federation({ nodes: [{ name: "a", published: false }] }) },
	{
		name: "32 nodes with names of 40 characters",
		resource: federation({ nodes: Array.from({ length: 32 }, (_, i) => ({ name: `${"n".repeat(38)}${i + 10}` })) }),
	},
	{ name: "node name of one digit", resource: federation({ nodes: [{ name: "1" }] }) },
	{ name: "quantities: integers", resource: withLimits({ cpu: 2, memory: 67_108_864, "ephemeral-storage": 0 }) },
	{ name: "quantities: fractions and suffixes", resource: withLimits({ cpu: "0.5", memory: "1.5Gi" }) },
	{
		name: "quantities: exponents",
		resource: withRequests({ cpu: "250m", memory: "1e6", "ephemeral-storage": ".5E-3" }),
	},
	{ name: "empty resources", resource: withNode({ resources: { requests: {}, limits: {} } }) },
	{ name: "toleration of every taint", resource: withToleration({ operator: "Exists" }) },
	{ name: "toleration with an empty value", resource: withToleration({ key: "a", operator: "Exists", value: "" }) },
	{ name: "toleration without operator", resource: withToleration({ key: "example.com/a", value: "b" }) },
	{
		name: "node selector with an empty value and a long key",
		resource: withNode({ nodeSelector: { a: "", [`${longName(253)}/${"k".repeat(63)}`]: "V.1_2-3" } }),
	},
	{ name: "empty affinity", resource: withNode({ affinity: {} }) },
	{
		name: "affinity keeps what Kubernetes may know and we do not",
		resource: withNode({ affinity: { nodeAffinity: { newField: [{ hostile: hostileTexts }] } } }),
	},
	{ name: "default policy: Allow", resource: federation({ defaultPolicy: "Allow" }) },
	{ name: "empty security", resource: federation({ security: {} }) },
	{ name: "empty service", resource: withService({}) },
	{
		name: "service: NodePort with Cluster",
		resource: withService({ type: "NodePort", externalTrafficPolicy: "Cluster" }),
	},
	{ name: "service: ClusterIP", resource: withService({ type: "ClusterIP", ipFamilyPolicy: "SingleStack" }) },
	{
		name: "service: class and ranges without type",
		resource: withService({ loadBalancerClass: "a", sourceRanges: [] }),
	},
	{
		name: "service: ranges of one address, of all",
		resource: withService({ sourceRanges: ["192.0.2.7/32", "::/0", "2001:db8::1/128", "10.128.0.0/9"] }),
	},
	{
		name: "service: annotations with hostile values",
		resource: withService({
			annotations: Object.fromEntries(hostileTexts.map((text, i) => [`example.com/${i}`, text])),
		}),
	},
	{
		name: "service: annotation of 16,384 emoji",
		resource: withService({ annotations: { a: longestAnnotation } }),
	},
	{ name: "empty external-dns", resource: federation({ dns: { externalDNS: {} } }) },
	{ name: "external-dns: off", resource: federation({ dns: { externalDNS: { enabled: false } } }) },
	{ name: "empty internal service", resource: withInternalService({}) },
	{
		name: "internal service: ClusterIP",
		resource: withInternalService({ type: "ClusterIP", annotations: { a: "b" } }),
	},
	{
		name: "internal service: ranges",
		resource: withInternalService({ type: "LoadBalancer", sourceRanges: ["10.0.3.0/24", "fd00::/8"] }),
	},
	{ name: "network policy: off", resource: federation({ networkPolicy: { enabled: false } }) },
	...(["internal", "monitoring"] as const).flatMap((list) => [
		{
			name: `network policy: ${list}: all pods`,
			resource: withNetworkPeer(list, { podSelector: {}, namespaceSelector: {} }),
		},
		{
			name: `network policy: ${list}: block`,
			resource: withNetworkPeer(list, { ipBlock: { cidr: "10.0.0.0/8", except: ["10.1.0.0/16", "10.0.0.0/9"] } }),
		},
		...["podSelector", "namespaceSelector"].map((selector) => ({
			name: `network policy: ${list}: ${selector}`,
			resource: withNetworkPeer(list, {
				[selector]: {
					matchLabels: { "example.com/a": "" },
					matchExpressions: [
						{ key: "a", operator: "NotIn", values: ["b", ""] },
						{ key: "example.com/c", operator: "DoesNotExist" },
					],
				},
			}),
		})),
	]),
	{ name: "empty resolver", resource: federation({ resolver: {} }) },
	{ name: "resolver off", resource: federation({ resolver: { enabled: false } }) },
	{ name: "empty rollout", resource: federation({ rollout: {} }) },
	{ name: "strategy Live", resource: federation({ rollout: { strategy: "Live" } }) },
	{ name: "strategy Documented", resource: federation({ rollout: { strategy: "Documented" } }) },
	{ name: "images: Manual", resource: federation({ rollout: { imageUpdates: "Manual" } }) },
	{ name: "images: Automatic", resource: federation({ rollout: { imageUpdates: "Automatic" } }) },
	{ name: "shortest drain", resource: federation({ rollout: { drainSeconds: 1 } }) },
	{ name: "empty limits", resource: withBounds({}) },
	{
		name: "lowest limits",
		resource: withBounds({
			stanzaBytes: 10_000,
			stanzasPerSecond: 1,
			streamsPerMinute: 1,
			incomingStreams: 10,
			outgoingStreams: 10,
			unauthenticatedStreams: 10,
			unauthenticatedStreamsPerAddress: 1,
			handshakeSeconds: 5,
			idleSeconds: 60,
		}),
	},
	{
		name: "highest limits",
		resource: withBounds({
			stanzaBytes: 1_048_576,
			stanzasPerSecond: 100_000,
			streamsPerMinute: 10_000,
			incomingStreams: 10_000,
			outgoingStreams: 10_000,
			unauthenticatedStreams: 10_000,
			unauthenticatedStreamsPerAddress: 10_000,
			handshakeSeconds: 300,
			idleSeconds: 86_400,
		}),
	},
	// What is not set is not compared with its default: such a bound cannot be reached, and harms nobody.
	{
		name: "fewer incoming streams than may be unauthenticated by default",
		resource: withBounds({ incomingStreams: 10 }),
	},
	{ name: "longest drain", resource: federation({ rollout: { drainSeconds: 600 } }) },
	{ name: "image: short name", resource: federation({ image: "gateway" }) },
	{
		name: "image: registry with port, digest",
		resource: federation({ image: `localhost:5000/a/b_c:1@sha256:${"0".repeat(64)}` }),
	},
	{ name: "image: name of a build", resource: federation({ image: "localhost/xmppfed-gateway:dev" }) },
];
