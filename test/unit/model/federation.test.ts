import { describe, expect, test } from "vitest";
import { stringify } from "yaml";
import type { XmppFederation } from "../../../src/api/xmpp-federation.ts";
import { modelFederation } from "../../../src/model/federation.ts";
import type { FederationInputs } from "../../../src/model/federation-inputs.ts";
import { nodeRevision } from "../../../src/model/revision.ts";
import { issue } from "../../lib/issued-certificates.ts";
import {
	authority,
	base64,
	certificate,
	givenSecrets,
	inputs,
	key,
	modelled,
	now,
	otherAuthority,
	otherKey,
	sample,
} from "../fixtures/federation.ts";

describe("intent", () => {
	test.each([
		["smallest", {}],
		["full", givenSecrets],
	] as const)("of the %s sample", async (name, secrets) => {
		const { intent } = modelled(sample(name), secrets);
		await expect(stringify(intent, { aliasDuplicateObjects: false })).toMatchFileSnapshot(`golden/${name}.intent.yaml`);
	});

	test("holds no secret", () => {
		const text = JSON.stringify(modelled(sample("full"), givenSecrets).intent);
		const { link, dialback, digestKey } = inputs.generated;
		for (const secret of [link, dialback, digestKey, key, givenSecrets.dialback.data.secret]) {
			expect(text).not.toContain(secret);
			expect(text).not.toContain(Buffer.from(secret, "base64").toString("utf8"));
		}
	});

	test("completes names of Services, and nothing that would be too long for a name then", () => {
		const upstream = (host: string) =>
			modelled(sample("smallest", (spec) => (spec.upstream = { host }))).intent.nodes[0]?.upstream.host;
		expect(upstream("xmpp.Chat.svc")).toBe("xmpp.chat.svc.cluster.local");
		const longest = `${"a.".repeat(124)}a.svc`;
		expect(longest).toHaveLength(253);
		expect(upstream(longest)).toBe(longest);
	});

	test("compares domains case-folded", () => {
		const { intent } = modelled(sample("smallest", (spec) => (spec.domain = "EXAMPLE.com")));
		expect(intent.domains).toEqual(["example.com"]);
	});
});

describe("the image of a node, with a newer operator", () => {
	const newer = "registry.example/gateway:2";
	const defaults = { ...inputs.defaults, gatewayImage: newer };
	const nodes = [
		{ name: "gw-1", federation: "Enabled" as const },
		{ name: "gw-2", federation: "Enabled" as const },
	];
	type Change = (spec: XmppFederation["spec"]) => void;
	const before = modelled(sample("smallest", (spec) => (spec.nodes = nodes))).intent;
	/** What an operator before chose, and what the nodes run with it. */
	const keptImages = new Map(
		before.nodes.map((node) => [node.name, { image: node.image, revision: nodeRevision(node) }]),
	);
	const images = (change: Change, more: Partial<FederationInputs> = {}) => {
		const federation = sample("smallest", (spec) => {
			spec.nodes = nodes;
			change(spec);
		});
		const { intent } = modelled(federation, { defaults, keptImages, ...more });
		return intent.nodes.map(({ image }) => image.replace("registry.example/gateway:", ""));
	};

	test.each<[string, Change, Partial<FederationInputs>, readonly string[]]>([
		["stays where nothing changes", () => {}, {}, ["1", "1"]],
		[
			"is the operator's at a node that changes, and stays at the other (R17)",
			(spec) =>
				void (spec.nodes = [
					{ ...nodes[0], name: "gw-1", priorityClassName: "x" },
					{ ...nodes[1], name: "gw-2" },
				]),
			{},
			["2", "1"],
		],
		["is the operator's where every node changes", (spec) => void (spec.upstream.port = 5300), {}, ["2", "2"]],
		[
			"is the operator's at a node that is new, and so at all (R16)",
			(spec) => void (spec.nodes = [...nodes, { name: "gw-3", federation: "Enabled" }]),
			{},
			["2", "2", "2"],
		],
		[
			"is the operator's at a Disabled node that is new, and stays at the others",
			(spec) => void (spec.nodes = [...nodes, { name: "in" }]),
			{},
			["1", "1", "2"],
		],
		[
			"is the operator's at once where that is asked for",
			(spec) => void (spec.rollout = { imageUpdates: "Automatic" }),
			{},
			["2", "2"],
		],
		["stays where Manual is asked for", (spec) => void (spec.rollout = { imageUpdates: "Manual" }), {}, ["1", "1"]],
		["is the one that is asked for", (spec) => void (spec.image = "registry.example/gateway:0"), {}, ["0", "0"]],
		["is the operator's where none is known", () => {}, { keptImages: undefined }, ["2", "2"]],
	])("%s", (_what, change, more, expected) => {
		expect(images(change, more)).toEqual(expected);
	});

	test("stays where what a node takes over while it runs changes", () => {
		const live: Change = (spec) => {
			spec.nodes = nodes;
			spec.rollout = { strategy: "Live" };
		};
		const kept = new Map(
			modelled(sample("smallest", live)).intent.nodes.map((node) => [
				node.name,
				{ image: node.image, revision: nodeRevision(node) },
			]),
		);
		const text = Buffer.from(certificate, "base64").toString("utf8");
		const other = { ...inputs.generated, selfSigned: { data: { "tls.crt": base64(`${text}\n`), "tls.key": key } } };
		expect(images(live, { keptImages: kept, generated: other })).toEqual(["1", "1"]);
	});

	test("is told beside those that nodes have", () => {
		const { intent } = modelled(
			sample("smallest", (spec) => (spec.nodes = nodes)),
			{ defaults, keptImages },
		);
		expect(intent).toMatchObject({ imageFrom: "Operator", operatorImage: newer });
	});
});

describe("the router's address in the resolver", () => {
	const host = (type: "ClusterIP" | "LoadBalancer", internalAddresses?: string[]) =>
		modelled(
			sample("smallest", (spec) => Object.assign(spec, { resolver: { enabled: true }, internalService: { type } })),
			{ internalAddresses },
		).intent.resolver?.router.host;
	const inCluster = /^example-internal-[0-9a-f]{8}\.chat\.svc\.cluster\.local$/;

	test("is the Service's name in the cluster", () => {
		expect(host("ClusterIP")).toMatch(inCluster);
		// A load balancer that was there before.
		expect(host("ClusterIP", ["192.0.2.9"])).toMatch(inCluster);
	});
	test("is what the load balancer gave, as soon as it did", () => {
		expect(host("LoadBalancer")).toMatch(inCluster);
		expect(host("LoadBalancer", [])).toMatch(inCluster);
		expect(host("LoadBalancer", ["192.0.2.9"])).toBe("192.0.2.9");
		expect(host("LoadBalancer", ["LB-1.Example.net"])).toBe("lb-1.example.net");
	});
	test("does not change with the order of several", () => {
		expect(host("LoadBalancer", ["192.0.2.9", "192.0.2.10"])).toBe(host("LoadBalancer", ["192.0.2.10", "192.0.2.9"]));
	});
});

describe("revision of a node", () => {
	const revisions = (change?: Parameters<typeof sample>[1], more: Partial<FederationInputs> = {}) =>
		modelled(sample("full", change), { ...givenSecrets, ...more }).intent.nodes.map(nodeRevision);
	const changed = (after: string[]) => after.map((revision, index) => revision !== revisions()[index]);

	test("is the same for the same settings", () => {
		expect(changed(revisions())).toEqual([false, false, false]);
	});
	test("changes for that node alone with a setting of that node", () => {
		expect(changed(revisions((spec) => void (spec.nodes[1] && (spec.nodes[1].published = true))))).toEqual([
			false,
			true,
			false,
		]);
	});
	test("changes for nodes without an upstream of their own with that of the federation", () => {
		expect(changed(revisions((spec) => void (spec.upstream.port = 5300)))).toEqual([true, true, false]);
	});
	test.each([
		[
			"a domain",
			(spec: Parameters<NonNullable<Parameters<typeof sample>[1]>>[0]) =>
				void spec.additionalDomains?.push("more.example.com"),
			{},
		],
		["the dialback secret", undefined, { dialback: { data: { secret: base64("another dialback secret") } } }],
		["the link secret", undefined, { generated: { ...inputs.generated, link: base64("x".repeat(64)) } }],
	])("changes for all nodes with %s", (_what, change, more) => {
		expect(changed(revisions(change, more))).toEqual([true, true, true]);
	});
	test.each<Parameters<typeof sample>[1]>([
		(spec) => void (spec.service = { type: "NodePort" }),
		(spec) => void (spec.internalService = { type: "ClusterIP" }),
		(spec) => void (spec.networkPolicy = { enabled: false }),
	])("does not change with Services and NetworkPolicies", (change) => {
		expect(changed(revisions(change))).toEqual([false, false, false]);
	});
});

describe("what is refused", () => {
	const tls = (data: Record<string, string>) => ({ certificate: { data } });
	test.each<[string, Partial<FederationInputs>, string, string, RegExp]>([
		[
			"a certificate that is not there",
			{ certificate: undefined },
			"SecretNotFound",
			"spec.security.certificate.secretName",
			/"example-com-tls" does not exist/,
		],
		[
			"a Secret without a key",
			tls({ "tls.crt": certificate }),
			"SecretInvalid",
			"spec.security.certificate.secretName",
			/lacks tls\.key/,
		],
		[
			"a certificate that is none",
			tls({ "tls.crt": base64("hello"), "tls.key": key }),
			"SecretInvalid",
			"spec.security.certificate.secretName",
			/tls\.crt holds no PEM/,
		],
		[
			"a key that is none",
			tls({ "tls.crt": certificate, "tls.key": base64("hello") }),
			"SecretInvalid",
			"spec.security.certificate.secretName",
			/tls\.key holds no/,
		],
		[
			"a key of another certificate",
			tls({ "tls.crt": certificate, "tls.key": otherKey }),
			"SecretInvalid",
			"spec.security.certificate.secretName",
			/not the key of/,
		],
		[
			"authorities that are not there",
			{ trustedCAs: undefined },
			"ConfigMapNotFound",
			"spec.security.trustedCAs.configMapRef",
			/"partner-authorities" does not exist .* with the key "ca\.crt"/,
		],
		[
			"authorities under another key",
			{ trustedCAs: { data: { "tls.crt": authority } } },
			"ConfigMapInvalid",
			"spec.security.trustedCAs.configMapRef",
			/"partner-authorities" has no key "ca\.crt"/,
		],
		[
			"authorities that are none",
			{ trustedCAs: { data: { "ca.crt": "hello" } } },
			"ConfigMapInvalid",
			"spec.security.trustedCAs.configMapRef",
			/"partner-authorities", "ca\.crt": holds no PEM certificate\.$/,
		],
		[
			"a dialback secret that is not there",
			{ dialback: undefined },
			"SecretNotFound",
			"spec.security.dialback.secretRef",
			/"example-com-dialback" does not exist/,
		],
		[
			"a dialback Secret without its key",
			{ dialback: { data: {} } },
			"SecretInvalid",
			"spec.security.dialback.secretRef",
			/no key "secret"/,
		],
		[
			"a short dialback secret",
			{ dialback: { data: { secret: base64("short") } } },
			"SecretInvalid",
			"spec.security.dialback.secretRef",
			/shorter than 16 bytes/,
		],
	])("%s", (_what, secrets, reason, field, message) => {
		const model = modelFederation(sample("full"), { ...inputs, ...givenSecrets, ...secrets }, now);
		expect(model).toMatchObject({ ok: false, problems: [{ reason, field, message: expect.stringMatching(message) }] });
	});

	test("all that is named at once", () => {
		const model = modelFederation(sample("full"), inputs, now);
		const reasons = ["SecretNotFound", "ConfigMapNotFound", "SecretNotFound"];
		expect(model).toMatchObject({ ok: false, problems: reasons.map((reason) => ({ reason })) });
	});
});

test("settings of a peer that make nothing that can work are refused, doubtful ones are told", () => {
	const peers = [{ domain: "peer.example", security: { mode: "NoTLS" as const } }];
	const model = (dialback: "Enabled" | "Disabled") =>
		modelFederation(
			sample("smallest", (spec) => Object.assign(spec, { security: { dialback: { mode: dialback } }, peers })),
			inputs,
			now,
		);
	expect(model("Disabled")).toMatchObject({
		ok: false,
		problems: [{ reason: "InvalidSpec", field: "spec.peers[peer.example].security" }],
	});
	expect(model("Enabled")).toMatchObject({ ok: true, warnings: [] });
	expect(modelled(sample("full"), givenSecrets).warnings.map(({ field }) => field)).toEqual([
		"spec.peers[webex.example].platform",
	]);
});

test("a certificate that the gateway cannot use is told apart from other problems", () => {
	const data = { "tls.crt": certificate, "tls.key": otherKey };
	const model = modelFederation(sample("full"), { ...inputs, ...givenSecrets, certificate: { data } }, now);
	expect(model).toMatchObject({ ok: false, certificate: { reason: "KeyMismatch" } });
	expect(modelFederation(sample("full"), inputs, now)).not.toHaveProperty("certificate");
});

test("a certificate that peers refuse is used and objected to", () => {
	const more = sample("full", (spec) => void spec.additionalDomains?.push("more.example.com"));
	const { findings } = modelled(more, givenSecrets).certificate;
	expect(findings).toMatchObject([{ reason: "NameMissing" }]);
});

describe("a certificate that cert-manager issues", () => {
	const issued = sample("full", ({ security }) => {
		if (security) security.certificate = { issuerRef: { name: "public" } };
	});
	const { certificate: secret, ...others } = givenSecrets;
	const model = (more: Partial<FederationInputs>, federation = issued) =>
		modelFederation(federation, { ...inputs, ...others, ...more }, now);
	const told = { ready: false, message: "cert-manager says Pending: waiting for an order." };
	const refused = (reason: string, message: RegExp) => ({
		ok: false,
		problems: [{ reason, field: "spec.security.certificate.issuerRef", message: expect.stringMatching(message) }],
	});

	test("is used when it is there, whatever becomes of the next one", () => {
		for (const issuance of [{ ready: true, message: "" }, told, "NoCertManager"] as const) {
			expect(model({ certificate: secret, issuance })).toMatchObject({ ok: true, certificate: { findings: [] } });
		}
	});
	test("is waited for, in the words of cert-manager", () => {
		expect(model({ issuance: told })).toMatchObject(
			refused(
				"CertificateNotIssued",
				/^Certificate "example-full-certificate-[0-9a-f]{8}" is not issued: cert-manager says Pending: waiting for an order\.$/,
			),
		);
		const silent = { ready: false, message: "" };
		expect(model({ issuance: silent })).toMatchObject(refused("CertificateNotIssued", /See that it runs\.$/));
		const half = { type: "kubernetes.io/tls", data: { "tls.crt": "", "tls.key": key } };
		expect(model({ issuance: told, certificate: half })).toMatchObject(refused("CertificateNotIssued", /waiting/));
	});
	test("needs cert-manager", () => {
		expect(model({ issuance: "NoCertManager" })).toMatchObject(refused("CertManagerMissing", /Install cert-manager/));
	});
	test("is waited for when names are added, and told where it lacks them all the same", () => {
		const more = { ...issued, spec: { ...issued.spec, additionalDomains: ["more.example.com"] } };
		expect(model({ certificate: secret, issuance: told }, more)).toMatchObject(
			refused("CertificateNotIssued", /order\. The one before lacks names\.$/),
		);
		expect(model({ certificate: secret, issuance: { ready: true, message: "" } }, more)).toMatchObject({
			ok: true,
			certificate: { findings: [{ reason: "NameMissing" }] },
		});
	});
});

test("authorities that have expired are told and stop nothing", async () => {
	const expired = await issue({
		subject: "CN=Old",
		ca: true,
		notBefore: new Date("2020-01-01"),
		notAfter: new Date("2021-01-01"),
	});
	const trustedCAs = { data: { "ca.crt": expired.certificate + authority } };
	const { remarks } = modelled(sample("full"), { ...givenSecrets, trustedCAs });
	expect(remarks).toMatchObject([
		{ reason: "AuthorityExpired", message: expect.stringMatching(/"ca\.crt": CN=Old expired/) },
	]);
});

test("what stands around the authorities changes no node; other authorities change all", () => {
	const revisions = (pem: string) =>
		modelled(sample("full"), { ...givenSecrets, trustedCAs: { data: { "ca.crt": pem } } }).intent.nodes.map(
			nodeRevision,
		);
	expect(revisions(`# renewed\n${authority}${authority}`)).toEqual(revisions(authority));
	const [before, after] = [revisions(authority), revisions(authority + otherAuthority)];
	expect(after.map((revision, index) => revision === before[index])).toEqual([false, false, false]);
});

test("what is said of a certificate follows the time and the domains, not what was found in its Secret before", async () => {
	const pem = await issue({ subject: "CN=Own", names: ["example.com"], notBefore: inDays(-1), notAfter: inDays(100) });
	const secret = { data: { "tls.crt": base64(pem.certificate), "tls.key": base64(pem.key) } };
	const found = (days: number, domain = "example.com") => {
		const federation = sample("smallest", (spec) => {
			spec.domain = domain;
			spec.security = { certificate: { secretName: "own" } };
		});
		const model = modelFederation(federation, { ...inputs, certificate: secret }, inDays(days));
		return model.certificate && "findings" in model.certificate ? model.certificate.findings.map(reasonOf) : [];
	};
	expect([found(0), found(90), found(101), found(0)]).toEqual([
		["SelfSigned"],
		["SelfSigned", "ExpiresSoon"],
		["Expired", "SelfSigned"],
		["SelfSigned"],
	]);
	expect([found(0, "example.org"), found(0)]).toEqual([["NameMissing", "SelfSigned"], ["SelfSigned"]]);
});

const reasonOf = ({ reason }: { readonly reason: string }) => reason;

function inDays(days: number): Date {
	return new Date(now.getTime() + days * 86_400_000);
}
