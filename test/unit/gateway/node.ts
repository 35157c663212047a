import type { NodeIntent } from "../../../src/model/intent.ts";

/** An Enabled node with two local domains, for tests of the configuration. */
export const node: NodeIntent = {
	namespace: "corp",
	federationName: "federation",
	name: "gw-1",
	federation: "Enabled",
	published: true,
	enabledNodes: ["gw-1"],
	domains: ["example.lab", "conference.example.lab"],
	upstream: { host: "ejabberd.corp.svc.cluster.local", port: 5269 },
	links: {
		host: "federation-links.corp.svc.cluster.local",
		port: 5275,
		tlsName: "links.federation.corp.xmppfed.invalid",
	},
	image: "localhost/gateway:test",
	placement: {},
	secrets: { certificate: "c", dialback: "d", link: "l" },
};
