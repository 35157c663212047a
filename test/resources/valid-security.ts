import { federation, withPeer, withSecurity } from "./builders.ts";
import type { ValidCase } from "./cases.ts";

const longDomain = (index: number) =>
	`${index}.${"a".repeat(60)}.${"b".repeat(60)}.${"c".repeat(60)}.${"d".repeat(52)}.example`;
const allOff = { peerCertificates: "Opportunistic", saslExternal: { incoming: "Disabled", outgoing: "Disabled" } };
const allOn = { peerCertificates: "Strict", saslExternal: { incoming: "Required", outgoing: "Required" } };

/** Right in what concerns the security of streams with peers. */
export const validSecurity: readonly ValidCase[] = [
	{ name: "security: NoTLS", resource: withSecurity({ mode: "NoTLS" }) },
	{
		name: "security: NoTLS, dialback Enabled",
		resource: withSecurity({ mode: "NoTLS", dialback: { mode: "Enabled" } }),
	},
	...["TLSOptional", "TLSRequired"].flatMap((mode) => [
		{ name: `security: ${mode}, as little as can be`, resource: withSecurity({ mode, ...allOff }) },
		{
			name: `security: ${mode}, as much as can be`,
			resource: withSecurity({ mode, ...allOn, dialback: { mode: "Disabled" } }),
		},
		{ name: `security: ${mode}, dialback Disabled`, resource: withSecurity({ mode, dialback: { mode: "Disabled" } }) },
	]),
	{
		name: "security: no mode, certificates Opportunistic",
		resource: withSecurity({ peerCertificates: "Opportunistic" }),
	},
	{ name: "security: empty parts", resource: withSecurity({ saslExternal: {}, dialback: {} }) },
	{
		name: "security: dialback with mode and secret",
		resource: withSecurity({ dialback: { mode: "Enabled", secretRef: { name: "dialback" } } }),
	},

	{ name: "no peers", resource: federation({ peers: [] }) },
	{ name: "peer: nothing but its domain", resource: withPeer({}) },
	{ name: "peer: wildcard", resource: withPeer({ domain: "*.peer.example" }) },
	{ name: "peer: in its xn-- form", resource: withPeer({ domain: "*.xn--bcher-kva.xn--p1ai" }) },
	{ name: "peer: domain of 253 characters", resource: withPeer({ domain: longDomain(1).padStart(253, "0") }) },
	{ name: "peer: wildcard over the federation's own domain", resource: withPeer({ domain: "*.example.com" }) },
	{
		name: "peers: a domain, its wildcard, and a wildcard above",
		resource: federation({ peers: ["a.b.example", "*.a.b.example", "*.b.example"].map((domain) => ({ domain })) }),
	},
	{
		name: "500 peers with long domains and all settings, beside 32 long domains of its own",
		resource: federation({
			additionalDomains: Array.from({ length: 32 }, (_, index) => longDomain(1000 + index)),
			peers: Array.from({ length: 500 }, (_, index) => ({
				domain: `*.${longDomain(index)}`,
				platform: "Generic",
				security: { mode: "TLSRequired", ...allOn, dialback: { mode: "Disabled" } },
			})),
		}),
	},
	...["Generic", "WebexConnect", "IBMSametime", "GoogleTalk", "IMPresence"].map((platform) => ({
		name: `peer: platform ${platform}`,
		resource: withPeer({ platform }),
	})),
	{
		name: "peer: WebexConnect, Opportunistic",
		resource: withPeer({ platform: "WebexConnect", security: { peerCertificates: "Opportunistic" } }),
	},
	{ name: "peer: WebexConnect, NoTLS", resource: withPeer({ platform: "WebexConnect", security: { mode: "NoTLS" } }) },
	{ name: "peer: IBMSametime, NoTLS", resource: withPeer({ platform: "IBMSametime", security: { mode: "NoTLS" } }) },
	{
		name: "peer: IBMSametime, SASL EXTERNAL Required",
		resource: withPeer({ platform: "IBMSametime", security: { saslExternal: { incoming: "Required" } } }),
	},
	{ name: "peer: GoogleTalk, NoTLS", resource: withPeer({ platform: "GoogleTalk", security: { mode: "NoTLS" } }) },
	{ name: "peer: IMPresence, anything", resource: withPeer({ platform: "IMPresence", security: { ...allOff } }) },
];
