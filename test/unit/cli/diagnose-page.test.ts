import { expect, test } from "vitest";
import type { XmppFederation } from "../../../src/api/xmpp-federation.ts";
import { diagnose } from "../../../src/cli/diagnosis/diagnose.ts";
import type { ClusterFacts, FederationFacts } from "../../../src/cli/diagnosis/facts.ts";
import { diagnosisText } from "../../../src/cli/diagnosis/text.ts";
import { viewOf } from "../../../src/cli/federation-view.ts";
import { peersStatus } from "../../../src/cli/peers-view.ts";
import { plain } from "../../../src/cli/terminal.ts";
import { sharedSettings } from "../../../src/model/shared-settings.ts";
import { certificateValid } from "../../../src/status/certificate-valid.ts";
import { allPages } from "../../lib/pages.ts";
import { shownCommands } from "../../lib/shown-commands.ts";
import { modelled, now, sample } from "../fixtures/federation.ts";
import { observationOf } from "../fixtures/observation.ts";

const domain = "diagnose.lab";
const nodes = ["gw-1", "gw-2"];

interface Place {
	/** The context. */
	readonly cluster: string;
	readonly hostname: string;
	readonly address: string;
	readonly dialback: string;
	/** Until its address answers. */
	readonly milliseconds: number;
}

const east: Place = {
	cluster: "kind-diag",
	hostname: `east.${domain}`,
	address: "198.18.0.128",
	dialback: "one",
	milliseconds: 2,
};
const west: Place = {
	cluster: "kind-diag-west",
	hostname: `west.${domain}`,
	address: "198.18.1.128",
	dialback: "another",
	milliseconds: 3,
};

/** What is seen of a cluster, from the other one as well. */
function facts(
	{ cluster, hostname, address, dialback, milliseconds }: Place,
	other: Place,
	change: (spec: XmppFederation["spec"]) => void = () => {},
): ClusterFacts {
	const { intent, certificate: given } = modelled(
		sample("smallest", (spec) => {
			spec.domain = domain;
			change(spec);
		}),
	);
	const view = viewOf({
		apiVersion: "xmppfed.dev/v1alpha1",
		kind: "XmppFederation",
		metadata: { name: "diagnose", namespace: "diagnose", generation: 1 },
		spec: { domain },
		status: {
			observedGeneration: 1,
			conditions: [
				{
					type: "CertificateValid",
					...certificateValid(observationOf(intent, { certificate: { ...given, source: "SelfSigned" } })),
				},
			],
			nodes: nodes.map((name) => ({ name, federation: "Enabled", ready: true, state: "Current" })),
			dnsRecords: [{ name: `_xmpp-server._tcp.${domain}.`, type: "SRV", value: `0 0 5269 ${hostname}.` }],
		},
	});
	const certificate = { issuer: "CN=XMPP federation (self-signed)", names: [domain], notAfter: now };
	const federation: FederationFacts = {
		cluster,
		view,
		domains: [domain],
		settings: { value: sharedSettings(intent, { dialback, authorities: "" }) },
		unread: [],
		certificate: { value: { ...certificate, from: "Endpoint" } },
		images: { value: new Map(nodes.map((name) => [name, `${cluster}/xmpp-federation-gateway:dev-5a727152f4d2`])) },
		endpoints: [
			{
				host: address,
				port: 5269,
				fromHere: { value: { milliseconds, certificate } },
				fromOthers: [{ cluster: other.cluster, node: "gw-1", result: { problem: "Network is unreachable" } }],
			},
		],
		peers: {
			value: nodes.map((node) => ({
				pod: { namespace: "diagnose", name: node, federation: "diagnose", node, containers: [] },
				status: peersStatus.parse({}),
			})),
		},
	};
	const image = `${cluster}/xmpp-federation-operator:dev-24132c010d8c`;
	return {
		cluster,
		operators: { value: [{ namespace: "xmppfed-system", image }] },
		federations: { value: [federation] },
	};
}

/** That two clusters give such facts is for test/cluster/diagnose.long.test.ts. */
test("docs/diagnose.md has the report of two clusters that differ as it would be today", async () => {
	const record = { host: east.hostname, port: 5269, priority: 0, weight: 0, addresses: [east.address] };
	const lookup = { domain, name: `_xmpp-server._tcp.${domain}`, records: 1, hosts: [record], refuses: false };
	const report = diagnose({
		at: now,
		clusters: [
			facts(east, west),
			facts(west, east, (spec) => {
				spec.security = { mode: "TLSOptional" };
				spec.defaultPolicy = "Deny";
			}),
		],
		lookups: new Map([[domain, lookup]]),
	});
	const [shown] = (await allPages()).get("docs/diagnose.md")?.blocks.flatMap(shownCommands) ?? [];
	expect(`${diagnosisText(report, plain)}\n`).toBe(shown?.printed);
});
