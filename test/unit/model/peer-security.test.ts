import { describe, expect, test } from "vitest";
import type { XmppFederationSpec } from "../../../src/api/xmpp-federation.ts";
import {
	defaultSecurity,
	peerSecurities,
	securityProblems,
	securityWarnings,
} from "../../../src/model/peer-security.ts";

type Spec = Pick<XmppFederationSpec, "security" | "peers">;
type Peer = NonNullable<Spec["peers"]>[number];

const strict = {
	mode: "TLSRequired",
	peerCertificates: "Strict",
	saslExternal: { incoming: "Offered", outgoing: "Offered" },
	dialback: { mode: "Enabled" },
};
const ofPeer = (peer: Omit<Peer, "domain">, security: Spec["security"] = {}) =>
	peerSecurities({ security, peers: [{ domain: "peer.example", ...peer }] })["peer.example"];

describe("what holds for peers without an entry", () => {
	test.each<[string, Spec["security"], unknown]>([
		["nothing is said", {}, strict],
		[
			"NoTLS has neither certificates nor SASL EXTERNAL",
			{ mode: "NoTLS" },
			{ mode: "NoTLS", dialback: { mode: "Enabled" } },
		],
		[
			"one field is said",
			{ saslExternal: { incoming: "Required" } },
			{ ...strict, saslExternal: { incoming: "Required", outgoing: "Offered" } },
		],
	])("%s", (_name, security, expected) => {
		expect(defaultSecurity({ ...(security && { security }) })).toEqual(expected);
	});
});

describe("what holds for a peer", () => {
	test.each<[string, Omit<Peer, "domain">, Spec["security"], unknown]>([
		["as spec.security", {}, { peerCertificates: "Opportunistic" }, { ...strict, peerCertificates: "Opportunistic" }],
		[
			"its own, before spec.security, each field by itself",
			{ security: { mode: "TLSOptional", saslExternal: { outgoing: "Disabled" } } },
			{ mode: "TLSRequired", saslExternal: { incoming: "Required", outgoing: "Required" } },
			{ ...strict, mode: "TLSOptional", saslExternal: { incoming: "Required", outgoing: "Disabled" } },
		],
		["TLS where spec.security has NoTLS", { security: { mode: "TLSRequired" } }, { mode: "NoTLS" }, strict],
		[
			"NoTLS where spec.security has TLS",
			{ security: { mode: "NoTLS" } },
			{ peerCertificates: "Strict" },
			{ mode: "NoTLS", dialback: { mode: "Enabled" } },
		],
		["Generic and IMPresence set nothing", { platform: "IMPresence" }, {}, strict],
		[
			"WebexConnect before spec.security",
			{ platform: "WebexConnect" },
			{ peerCertificates: "Strict" },
			{ ...strict, peerCertificates: "Opportunistic" },
		],
		[
			"IBMSametime before spec.security",
			{ platform: "IBMSametime" },
			{ mode: "TLSOptional", saslExternal: { incoming: "Disabled", outgoing: "Disabled" } },
			strict,
		],
		["GoogleTalk", { platform: "GoogleTalk" }, {}, { mode: "NoTLS", dialback: { mode: "Enabled" } }],
		[
			"its own before its platform's",
			{ platform: "IBMSametime", security: { mode: "NoTLS" } },
			{},
			{ mode: "NoTLS", dialback: { mode: "Enabled" } },
		],
	])("%s", (_name, peer, security, expected) => {
		expect(ofPeer(peer, security)).toEqual(expected);
	});
});

const told = (problems: ReturnType<typeof securityProblems>) =>
	problems.map(({ field, reason }) => `${reason} ${field}`);

describe("what an entry and spec.security make together", () => {
	const field = "spec.peers[peer.example].security";
	test.each<[string, Omit<Peer, "domain">, Spec["security"], RegExp]>([
		[
			"certificates where the mode is NoTLS",
			{ security: { peerCertificates: "Strict" } },
			{ mode: "NoTLS" },
			/the mode is NoTLS, as spec.security has it/,
		],
		[
			"SASL EXTERNAL where the mode is NoTLS",
			{ security: { saslExternal: {} } },
			{ mode: "NoTLS" },
			/the mode is NoTLS, as spec.security has it/,
		],
		[
			"NoTLS without dialback",
			{ security: { mode: "NoTLS" } },
			{ dialback: { mode: "Disabled" } },
			/nothing but dialback/,
		],
		[
			"neither dialback nor SASL EXTERNAL",
			{ security: { saslExternal: { outgoing: "Disabled" } } },
			{ dialback: { mode: "Disabled" } },
			/neither dialback nor SASL EXTERNAL is left/,
		],
	])("is refused: %s", (_name, peer, security, message) => {
		const problems = securityProblems({ ...(security && { security }), peers: [{ domain: "peer.example", ...peer }] });
		expect(told(problems)).toEqual([`InvalidSpec ${field}`]);
		expect(problems[0]?.message).toMatch(message);
	});

	test("is not refused where the entry says what is missing", () => {
		const peers: Peer[] = [
			{ domain: "a.example", security: { mode: "NoTLS", dialback: { mode: "Enabled" } } },
			{ domain: "b.example", platform: "GoogleTalk" },
			{ domain: "c.example" },
		];
		expect(securityProblems({ security: { dialback: { mode: "Disabled" } }, peers })).toEqual([]);
	});
});

describe("warnings", () => {
	const required = { incoming: "Required", outgoing: "Required" } as const;
	test.each<[string, Spec, readonly string[]]>([
		["none", { security: {}, peers: [{ domain: "a.example", platform: "IMPresence" }] }, []],
		[
			"SASL EXTERNAL Required where TLS is not",
			{ security: { mode: "TLSOptional", saslExternal: { outgoing: "Required" } }, peers: [{ domain: "a.example" }] },
			["DoubtfulSecurity spec.security"],
		],
		[
			"the same at a peer, which takes a part from spec.security",
			{ security: { mode: "TLSOptional" }, peers: [{ domain: "a.example", security: { saslExternal: required } }] },
			["DoubtfulSecurity spec.peers[a.example].security"],
		],
		[
			"dialback that never runs",
			{ security: { saslExternal: required, dialback: { mode: "Enabled" } } },
			["DoubtfulSecurity spec.security"],
		],
		["dialback that nobody asked for", { security: { saslExternal: required } }, []],
		[
			"what platforms cannot do",
			{
				peers: [
					{ domain: "a.example", platform: "WebexConnect" },
					{ domain: "*.b.example", platform: "GoogleTalk" },
				],
			},
			["PlatformLimited spec.peers[a.example].platform", "PlatformLimited spec.peers[*.b.example].platform"],
		],
	])("%s", (_name, spec, expected) => {
		expect(told(securityWarnings(spec))).toEqual(expected);
	});
});
