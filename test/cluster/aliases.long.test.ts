import { expect, test } from "vitest";
import { federationReady } from "../../deploy/demo/stage.ts";
import { until } from "../../deploy/demo/until.ts";
import type { ChatNodeAlias } from "../../src/api/chat-node-alias.ts";
import { RawStream } from "../gateway/lib/raw-stream.ts";
import { useNamespace } from "../lib/cluster/environment.ts";
import { apply, standAlone } from "../lib/cluster/federation.ts";

const stage = useNamespace("aliases");
const name = "aliases";

/** @param address that it is to share; absent: any */
const alias = (node: string, publicPort: number, address?: string): ChatNodeAlias => ({
	apiVersion: "xmppfed.dev/v1alpha1",
	kind: "ChatNodeAlias",
	metadata: { name: `rooms-${node}`, namespace: stage.namespace },
	spec: {
		federationRef: { name },
		alias: `rooms-${node}.${name}.lab`,
		node,
		exposure: "Direct",
		hostname: `edge.${name}.lab`,
		publicPort,
		service: {
			type: "LoadBalancer",
			annotations: {
				"metallb.io/allow-shared-ip": name,
				...(address !== undefined && { "metallb.io/loadBalancerIPs": address }),
			},
			// MetalLB shares no address between Services of different pods otherwise.
			externalTrafficPolicy: "Cluster",
		},
	},
});

/** Where peers reach an alias, as soon as it is programmed at this generation. */
async function endpointOf({ metadata }: ChatNodeAlias, generation: number) {
	return await until(
		`${metadata.name} to be programmed`,
		async () => {
			const found = await stage.kubectl.find<ChatNodeAlias>("chatnodealias", metadata.name, stage.namespace);
			const programmed = found?.status?.conditions?.find(({ type }) => type === "Programmed");
			const isNew = programmed?.status === "True" && programmed.observedGeneration === generation;
			return isNew ? found?.status?.endpoints?.[0] : undefined;
		},
		{ timeout: 180_000 },
	);
}

/** This process is outside the pod network, a neighbour of the Kubernetes nodes, as a peer's firewall would be. */
async function isServed(host: string, port: number, domain: string): Promise<boolean> {
	using stream = await RawStream.connect(host, port);
	stream.send(
		"<?xml version='1.0'?><stream:stream xmlns='jabber:server' xmlns:db='jabber:server:dialback' " +
			`xmlns:stream='http://etherx.jabber.org/streams' from='remote.example' to='${domain}' version='1.0'>`,
	);
	await stream.receive(`from='${domain}'`);
	await stream.receive("<stream:features");
	return true;
}

test("Direct aliases of two nodes have one address of the load balancer and a port each, also when one is moved", async () => {
	const { kubectl, namespace } = stage;
	await apply(kubectl, standAlone(namespace, name));
	await federationReady(kubectl, namespace, name);
	const first = alias("gw-1", 25_269);
	await apply(kubectl, first);
	const at1 = await endpointOf(first, 1);
	const second = alias("gw-2", 35_269, at1.host);
	await apply(kubectl, second);
	const at2 = await endpointOf(second, 1);
	expect([at1.port, at2.port, at2.host]).toEqual([25_269, 35_269, at1.host]);
	expect(await isServed(at1.host, at1.port, first.spec.alias)).toBe(true);
	expect(await isServed(at2.host, at2.port, second.spec.alias)).toBe(true);

	await apply(kubectl, { ...second, spec: { ...second.spec, node: "gw-1" } });
	expect(await endpointOf(second, 2)).toEqual(at2);
	expect(await isServed(at2.host, at2.port, second.spec.alias)).toBe(true);
});
