import { describe, expect, test } from "vitest";
import { diagnose, hasFindings } from "../../../src/cli/diagnosis/diagnose.ts";
import type { ClusterFacts, DiagnosisFacts, FederationFacts } from "../../../src/cli/diagnosis/facts.ts";
import { diagnosisPage } from "../../../src/cli/diagnosis/html.ts";
import { diagnosisText } from "../../../src/cli/diagnosis/text.ts";
import type { DomainCheck } from "../../../src/cli/dns-check-domain.ts";
import { viewOf } from "../../../src/cli/federation-view.ts";
import { type PodAnswer, peersStatus } from "../../../src/cli/peers-view.ts";
import { plain } from "../../../src/cli/terminal.ts";
import { type SharedSettings, sharedSettings } from "../../../src/model/shared-settings.ts";
import { modelled, now, sample } from "../fixtures/federation.ts";

const settings = sharedSettings(modelled(sample("smallest")).intent, { dialback: "d", authorities: "" });
const certificate = {
	issuer: "CN=R11",
	names: ["example.com"],
	notAfter: new Date("2027-01-01T00:00:00Z"),
	from: "Secret",
} as const;

const node = (name: string, more: object = {}) => ({
	name,
	federation: "Enabled",
	ready: true,
	state: "Current",
	...more,
});
const conditions = [
	{ type: "Accepted", status: "True", reason: "Accepted", message: "" },
	{ type: "Ready", status: "True", reason: "AllNodesReady", message: "" },
	{ type: "Degraded", status: "False", reason: "AsExpected", message: "" },
	{ type: "CertificateValid", status: "True", reason: "Valid", message: "" },
];
const srv = (host: string) => ({
	name: "_xmpp-server._tcp.example.com.",
	type: "SRV",
	value: `0 0 5269 ${host}.`,
});

const view = (host: string, status: object = {}) =>
	viewOf({
		apiVersion: "xmppfed.dev/v1alpha1",
		kind: "XmppFederation",
		metadata: { name: "example", namespace: "chat", generation: 2 },
		spec: { domain: "example.com" },
		status: { observedGeneration: 2, conditions, nodes: [node("gw-1")], dnsRecords: [srv(host)], ...status },
	});

const answers = (streams: object[] = [], failures: object[] = [], name = "gw-1"): PodAnswer[] => [
	{
		pod: { namespace: "chat", name, federation: "example", node: name, containers: [] },
		status: peersStatus.parse({ streams, failures }),
	},
];

const federation = (cluster: string, more: Partial<FederationFacts> = {}): FederationFacts => ({
	cluster,
	view: view(`${cluster}.example.com`),
	domains: ["example.com"],
	settings: { value: settings },
	unread: [],
	certificate: { value: certificate },
	images: { value: new Map([["gw-1", `${cluster}.example/gateway:1`]]) },
	endpoints: [
		{
			host: `192.0.2.${cluster.length}`,
			port: 5269,
			fromHere: { value: { milliseconds: 3, certificate } },
			fromOthers: [{ cluster: "other", node: "gw-1", result: { value: true } }],
		},
	],
	peers: { value: answers() },
	...more,
});

const cluster = (name: string, federations: ClusterFacts["federations"]): ClusterFacts => ({
	cluster: name,
	operators: { value: [{ namespace: "xmppfed-system", image: `${name}.example/operator:1` }] },
	federations,
});
const found = (host: string, addresses = ["192.0.2.4"]) => ({ host, port: 5269, priority: 0, weight: 0, addresses });
const lookup = (more: Partial<DomainCheck> = {}): DomainCheck => ({
	domain: "example.com",
	name: "_xmpp-server._tcp.example.com",
	records: 2,
	hosts: [found("east.example.com"), found("West.example.com")],
	refuses: false,
	...more,
});

function facts(
	east: Partial<FederationFacts> = {},
	{
		west = {},
		dns = {},
		clusters,
	}: { west?: Partial<FederationFacts>; dns?: Partial<DomainCheck>; clusters?: ClusterFacts[] } = {},
): DiagnosisFacts {
	return {
		at: now,
		clusters: clusters ?? [
			cluster("east", { value: [federation("east", east)] }),
			cluster("west", { value: [federation("west", west)] }),
		],
		lookups: new Map([["example.com", lookup(dns)]]),
	};
}

/** What is not OK, as `VERDICT CHECK: FINDING`. */
const findings = (given: DiagnosisFacts) => {
	const { checks, domains } = diagnose(given);
	return [...checks, ...domains.flatMap((domain) => domain.checks)]
		.filter(({ verdict }) => verdict !== "OK")
		.map(({ verdict, check, finding }) => `${verdict} ${check}: ${finding}`);
};
const set = (more: Partial<SharedSettings>): Partial<FederationFacts> => ({
	settings: { value: { ...settings, ...more } },
});
const inStatus = (status: object) => ({ view: view("east.example.com", status) });
const failure = (more: object = {}) => ({
	peer: "b.example",
	direction: "outgoing",
	cause: "ConnectionRefused",
	at: "2026-06-01T11:00:00Z",
	...more,
});
const stream = { peer: "b.example", direction: "outgoing", authentication: "SASL EXTERNAL" };

test("two clusters that are alike: every check is there, and OK", () => {
	const report = diagnose(facts());
	expect(findings(facts())).toEqual([]);
	expect(hasFindings(report)).toBe(false);
	expect(new Set([...report.checks, ...(report.domains[0]?.checks ?? [])].map(({ check }) => check))).toEqual(
		new Set([
			"Operator version",
			"Enabled node",
			"Nodes",
			"Dialback secret",
			"Trusted authorities",
			"Security",
			"Security of single peers",
			"Policy",
			"Aliases",
			"Limits",
			"Email addresses",
			"Domains",
			"Certificate",
			"Certificate issuers",
			"Certificate names",
			"Gateway version",
			"DNS of example.com",
			"Reachable from here",
			"Reachable from other",
			"Peers",
		]),
	);
});

describe("what is found", () => {
	test.each<[string, DiagnosisFacts, string[]]>([
		[
			"another mode",
			facts(set({ security: { mode: "TLSOptional", dialback: { mode: "Enabled" } } })),
			[
				"Difference Security: spec.security.mode is TLSOptional in east: chat/example, TLSRequired in west: chat/example; ",
			],
		],
		[
			"another dialback secret",
			facts(set({ digests: { dialback: "e", authorities: "" } })),
			[
				"Problem Dialback secret: spec.security.dialback.secretRef of east: chat/example is not that of west: chat/example",
			],
		],
		[
			"a dialback secret that may not be read",
			facts({ ...set({ digests: { authorities: "" } }), unread: ["dialback secret: you may not get secrets"] }),
			["Unknown Settings: east: chat/example: dialback secret: you may not get secrets"],
		],
		[
			"another policy",
			facts(
				set({ policy: { default: "Deny", enforcement: "Enforce", exceptions: 0, digest: settings.policy.digest } }),
			),
			["Difference Policy: FederationPolicy spec.default is Deny in east: chat/example, Allow in west: chat/example"],
		],
		[
			"an alias of one",
			facts(set({ aliases: { "rooms.example.com": "Shared" } })),
			[
				"Difference Aliases: ChatNodeAlias rooms.example.com is Shared in east: chat/example, not set in west: chat/example",
			],
		],
		[
			"another limit",
			facts(set({ limits: { ...settings.limits, idleSeconds: 60 } })),
			["Difference Limits: spec.limits.idleSeconds is 60 in east: chat/example, not set in west: chat/example"],
		],
		[
			"a domain of one",
			facts(set({ domains: ["example.com", "b.example"] })),
			["Difference Domains: spec.additionalDomains is b.example in east: chat/example, none in west: chat/example"],
		],
		[
			"settings that cannot be read",
			facts({ settings: { problem: "it is of another version" } }),
			["Unknown Settings: east: chat/example: it is of another version"],
		],
		[
			"no federation in one cluster",
			facts(
				{},
				{
					clusters: [cluster("east", { value: [federation("east")] }), cluster("west", { value: [] })],
					dns: { hosts: [found("east.example.com")] },
				},
			),
			["Problem Enabled node: west: no federation of example.com"],
		],
		[
			"no Enabled node",
			facts(inStatus({ nodes: [node("gw-1", { federation: "Disabled" })] })),
			["Problem Enabled node: east: no node is Enabled"],
		],
		[
			"no Enabled node that is ready",
			facts(inStatus({ nodes: [node("gw-1", { ready: false, state: "Blocked", message: "it crashes" })] })),
			[
				"Problem Enabled node: east: no Enabled node is ready (gw-1)",
				"Problem Nodes: east: chat/example: gw-1 Blocked (it crashes)",
			],
		],
		[
			"a node with earlier settings",
			facts(inStatus({ nodes: [node("gw-1"), node("gw-2", { state: "Pending", message: "waits" })] })),
			["Problem Nodes: east: chat/example: gw-2 Pending (waits)"],
		],
		[
			"an operator that does not run",
			facts(inStatus({ observedGeneration: 1 })),
			["Problem Nodes: east: chat/example: the operator has not seen the resource as it is now"],
		],
		[
			"a condition",
			facts(
				inStatus({ conditions: [{ type: "Degraded", status: "True", reason: "X", message: "The upstream is away." }] }),
			),
			["Problem Nodes: east: chat/example: Degraded is True: The upstream is away."],
		],
		[
			"a certificate that peers refuse",
			facts(
				inStatus({ conditions: [{ type: "CertificateValid", status: "False", reason: "NameMissing", message: "" }] }),
			),
			["Problem Certificate: east: chat/example: NameMissing"],
		],
		[
			"a certificate that soon expires",
			facts({ certificate: { value: { ...certificate, notAfter: new Date("2026-06-10T00:00:00Z") } } }),
			["Problem Certificate: east: chat/example: example.com by CN=R11, until 2026-06-10T00:00:00.000Z"],
		],
		[
			"certificates of two issuers for other names",
			facts({ certificate: { value: { ...certificate, issuer: "CN=Other", names: ["b.example"] } } }),
			[
				"Difference Certificate issuers: CN=Other in east: chat/example; CN=R11 in west: chat/example",
				"Difference Certificate names: b.example in east: chat/example; example.com in west: chat/example",
			],
		],
		[
			"a certificate that may not be read",
			facts({ certificate: { problem: "you may not get secrets" } }),
			["Unknown Certificate: east: chat/example: you may not get secrets"],
		],
		[
			"another gateway image at one node",
			facts({ images: { value: new Map([["gw-1", "a/gateway:2"]]) } }),
			[
				"Difference Gateway version: gateway:2 in east: chat/example node gw-1; gateway:1 in west: chat/example node gw-1",
			],
		],
		[
			"a cluster's record that is not published",
			facts({}, { dns: { hosts: [found("east.example.com")] } }),
			["Problem DNS of example.com: not among the records: west.example.com:5269 of west: chat/example"],
		],
		[
			"a record of nobody",
			facts({}, { dns: { hosts: [...lookup().hosts, found("old.example.com")] } }),
			[
				"Difference DNS of example.com: east.example.com:5269 of east: chat/example, west.example.com:5269 of west: chat/example, old.example.com:5269 of nobody here",
			],
		],
		[
			"a target without an address",
			facts({}, { dns: { hosts: [found("east.example.com"), found("west.example.com", [])] } }),
			["Problem DNS of example.com: no address: west.example.com:5269"],
		],
		[
			"no record",
			facts({}, { dns: { records: 0, hosts: [] } }),
			["Problem DNS of example.com: _xmpp-server._tcp.example.com has no SRV record"],
		],
		[
			"DNS that does not answer",
			facts({}, { dns: { failure: "ETIMEOUT" } }),
			["Unknown DNS of example.com: DNS did not answer: ETIMEOUT"],
		],
		[
			"DNS that says there is nobody",
			facts({}, { dns: { refuses: true } }),
			['Problem DNS of example.com: the SRV record says that there is no server (target ".")'],
		],
		[
			"nothing to publish",
			facts(inStatus({ dnsRecords: [] }), { dns: { hosts: [found("west.example.com")] } }),
			["Problem DNS: east: chat/example: it has no record to publish, so no peer is led to it"],
		],
		[
			"an address that does not answer",
			facts({ endpoints: [{ host: "192.0.2.9", port: 5269, fromHere: { problem: "ECONNREFUSED" }, fromOthers: [] }] }),
			["Problem Reachable from here: east: chat/example: 192.0.2.9 port 5269: ECONNREFUSED"],
		],
		[
			"an address that another cluster does not reach, or may not be asked about",
			facts({
				endpoints: [
					{
						host: "192.0.2.9",
						port: 5269,
						fromHere: { value: { milliseconds: 1 } },
						fromOthers: [
							{ cluster: "west", node: "gw-1", result: { problem: "Connection timed out" } },
							{ cluster: "north", node: "gw-1", result: { problem: "you may not create pods/exec" } },
						],
					},
				],
			}),
			[
				"Problem Reachable from west: east: chat/example: 192.0.2.9 port 5269, from node gw-1: Connection timed out",
				"Unknown Reachable from north: east: chat/example: 192.0.2.9 port 5269, from node gw-1: you may not create pods/exec",
			],
		],
		[
			"no address",
			facts({ endpoints: [] }),
			["Unknown Reachability: east: chat/example: its public Service has no address in status.endpoints"],
		],
		[
			"a peer that one cluster does not reach",
			facts({ peers: { value: answers([], [failure()]) } }, { west: { peers: { value: answers([stream]) } } }),
			[
				"Problem Peers: east: chat/example: outgoing b.example: ConnectionRefused at 2026-06-01T11:00:00Z. It works in west: chat/example.",
			],
		],
		[
			"a failure that is over",
			facts({ peers: { value: [...answers([], [failure()]), ...answers([stream], [], "gw-2")] } }),
			[],
		],
		[
			"a gateway that cannot be asked",
			facts({
				peers: {
					value: [
						{
							pod: { namespace: "chat", name: "p", federation: "example", node: "gw-1", containers: [] },
							problem: "it does not run",
						},
					],
				},
			}),
			["Unknown Peers: east: chat/example node gw-1: it does not run"],
		],
	])("%s", (_what, given, expected) => {
		const actual = findings(given);
		expect(actual).toHaveLength(expected.length);
		for (const [index, text] of expected.entries()) expect(actual[index]).toContain(text);
	});

	test("every finding but what is only unknown says what to do", () => {
		const report = diagnose(facts(set({ limits: {}, digests: { dialback: "x" } }), { dns: { records: 0, hosts: [] } }));
		const wrong = (report.domains[0]?.checks ?? []).filter(
			({ verdict }) => verdict === "Problem" || verdict === "Difference",
		);
		expect(wrong.length).toBeGreaterThan(2);
		expect(wrong.filter(({ remedy }) => !remedy)).toEqual([]);
	});

	test("a cluster that does not answer, and one whose operator may not be seen", () => {
		const away = {
			...cluster("west", { problem: "no answer from the API server" }),
			operators: { problem: "no answer" },
		};
		const unseen = { ...cluster("east", { value: [federation("east")] }), operators: { problem: "you may not" } };
		expect(findings(facts({}, { clusters: [unseen, away], dns: { hosts: [found("east.example.com")] } }))).toEqual([
			"Problem Cluster: west: no answer from the API server",
			"Unknown Operator version: east: you may not",
		]);
	});

	test("federations of other domains are another matter", () => {
		const other = federation("west", { domains: ["other.example"], ...set({ limits: {} }) });
		const report = diagnose(facts({}, { clusters: [cluster("east", { value: [federation("east"), other] })] }));
		expect(report.domains.map(({ domain }) => domain)).toEqual(["example.com", "other.example"]);
		expect(report.domains.every(({ checks }) => checks.some(({ check }) => check === "Settings"))).toBe(true);
	});
});

test("text tells the worst first, with what to do", async () => {
	const text = diagnosisText(
		diagnose(
			facts(set({ digests: { dialback: "e", authorities: "" } }), { dns: { hosts: [found("east.example.com")] } }),
		),
		plain,
	);
	await expect(`${text}\n`).toMatchFileSnapshot("golden/diagnosis.txt");
});

describe("the page", () => {
	const nasty = `<script>alert("x")</script>&'`;
	const peers = Array.from({ length: 30 }, (_, index) => ({ ...stream, peer: `p${index}.example` }));
	const report = diagnose(
		facts({
			...inStatus({ nodes: Array.from({ length: 6 }, (_, index) => node(`gw-${index}${nasty}`)) }),
			certificate: { problem: nasty },
			peers: { value: answers(peers, [failure({ peer: nasty, detail: nasty })]) },
			endpoints: [{ host: nasty, port: 1, fromHere: { problem: nasty }, fromOthers: [] }],
		}),
	);
	const page = diagnosisPage(report, nasty);

	test("escapes everything", () => {
		expect(page).not.toContain("<script");
		expect(page).not.toContain(`"x"`);
		expect(page).toContain("&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;&amp;&#39;");
	});

	test("needs nothing else, and runs nothing", () => {
		expect(page).not.toMatch(/\b(src|href|srcset|action|on\w+)\s*=|url\(|@import|https?:/);
		expect(page).toContain(`content="default-src 'none'; style-src 'unsafe-inline'"`);
	});

	test("is light, dark and printable", () => {
		expect(page).toContain("prefers-color-scheme: dark");
		expect(page).toContain("@media print");
	});

	test("has a picture of clusters, nodes and peers, with a line for each that is connected or fails", () => {
		expect([...page.matchAll(/<rect class="cluster"/g)]).toHaveLength(2);
		expect([...page.matchAll(/<rect class="node /g)]).toHaveLength(7);
		expect([...page.matchAll(/<rect class="peer /g)]).toHaveLength(24);
		expect([...page.matchAll(/<path class="(connected|failing)"/g)]).toHaveLength(24);
		expect([...page.matchAll(/<path class="failing"/g)]).toHaveLength(1);
		expect(page).toContain("and 7 more");
	});

	test("all tags are closed in their order", () => {
		const open: string[] = [];
		const wrong: string[] = [];
		for (const [tag, end, name = "", rest] of page.matchAll(/<(\/?)([a-z][\w-]*)((?:"[^"]*"|[^">])*)>/g)) {
			if (["meta", "rect"].includes(name) || rest?.endsWith("/")) continue;
			if (end === "") open.push(name);
			else if (open.pop() !== name) wrong.push(tag);
		}
		expect(wrong).toEqual([]);
		expect(open).toEqual([]);
	});
});
