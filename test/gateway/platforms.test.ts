import { beforeAll, describe, expect, test } from "vitest";
import type { ChosenSecurity } from "../../src/api/peer-security.ts";
import { type Platform, platformFacts } from "../../src/api/platforms.ts";
import { peerSecurities } from "../../src/model/peer-security.ts";
import { scaled } from "../lib/scale.ts";
import { type Found, nameOfVariant, type PlayedCell, playMatrix, type Variant } from "./lib/matrix.ts";

interface Row {
	readonly platform: Platform;
	/** What plays the platform. */
	readonly standIn: Variant;
	/** spec.security, where it is not empty. */
	readonly security?: ChosenSecurity;
	/** What comes of it, in both directions. */
	readonly outcome: Found;
	/** Only in `npm run test:long`. */
	readonly long?: true;
}

const prosody = { kind: "prosody", tls: "optional", certificate: "valid", external: true } as const;
const ejabberd = { ...prosody, kind: "ejabberd" } as const;
const jabberd2 = { ...prosody, kind: "jabberd2", external: false } as const;

/**
 * The products themselves are not to be had: servers stand in for them that are set up as the platform's facts say that
 * the product is, and, for what is to be refused, as it must not be.
 */
const rows: readonly Row[] = [
	// Its certificates need not verify. TLS it must have, unless spec.security says otherwise.
	{ platform: "WebexConnect", standIn: { ...prosody, certificate: "selfSigned", external: false }, outcome: "tls" },
	{ platform: "WebexConnect", standIn: { ...prosody, tls: "none" }, outcome: "-TLS" },
	{ platform: "WebexConnect", standIn: { ...ejabberd, certificate: "unknownAuthority" }, outcome: "tls", long: true },
	{ platform: "WebexConnect", standIn: { ...jabberd2, certificate: "wrongName" }, outcome: "tls", long: true },
	{ platform: "WebexConnect", standIn: { ...prosody, tls: "broken" }, outcome: "-TLS", long: true },
	{
		platform: "WebexConnect",
		standIn: { ...prosody, tls: "none" },
		security: { mode: "TLSOptional" },
		outcome: "plain",
		long: true,
	},
	// TLS with SASL EXTERNAL, whatever spec.security says.
	{ platform: "IBMSametime", standIn: { ...prosody, tls: "required" }, outcome: "EXTERNAL" },
	{
		platform: "IBMSametime",
		standIn: { ...prosody, tls: "none" },
		security: { mode: "TLSOptional", saslExternal: { incoming: "Disabled", outgoing: "Disabled" } },
		outcome: "-TLS",
	},
	{ platform: "IBMSametime", standIn: { ...ejabberd, tls: "required" }, outcome: "EXTERNAL", long: true },
	{ platform: "IBMSametime", standIn: { ...ejabberd, certificate: "expired" }, outcome: "-cert", long: true },
	{
		platform: "IBMSametime",
		standIn: { ...prosody, tls: "required" },
		security: { mode: "TLSOptional", saslExternal: { incoming: "Disabled", outgoing: "Disabled" } },
		outcome: "EXTERNAL",
		long: true,
	},
	// Dialback without TLS, and nothing else.
	{ platform: "GoogleTalk", standIn: { ...prosody, tls: "none" }, outcome: "plain" },
	{ platform: "GoogleTalk", standIn: { ...prosody, tls: "required" }, outcome: "-peer" },
	{ platform: "GoogleTalk", standIn: { ...ejabberd, tls: "none" }, outcome: "plain", long: true },
	{ platform: "GoogleTalk", standIn: { ...jabberd2, tls: "none" }, outcome: "plain", long: true },
	// Another cluster with the settings of this one: those of spec.security.
	{ platform: "IMPresence", standIn: prosody, outcome: "EXTERNAL" },
	{ platform: "IMPresence", standIn: { ...prosody, certificate: "selfSigned" }, outcome: "-cert" },
	{
		platform: "IMPresence",
		standIn: { ...prosody, tls: "none" },
		security: { mode: "NoTLS" },
		outcome: "plain",
		long: true,
	},
	{
		platform: "IMPresence",
		standIn: { ...ejabberd, certificate: "selfSigned" },
		security: { mode: "TLSOptional", peerCertificates: "Opportunistic" },
		outcome: "tls",
		long: true,
	},
	// Servers that conform to the standards.
	{ platform: "Generic", standIn: { ...prosody, certificate: "serverAuthOnly" }, outcome: "EXTERNAL" },
	{ platform: "Generic", standIn: { ...prosody, certificate: "wrongName" }, outcome: "-cert" },
	{ platform: "Generic", standIn: ejabberd, outcome: "EXTERNAL", long: true },
	{ platform: "Generic", standIn: { ...jabberd2, tls: "required" }, outcome: "tls", long: true },
	{ platform: "Generic", standIn: { ...ejabberd, tls: "none" }, outcome: "-TLS", long: true },
];

const domain = "peer.example";
const chosen = scaled(
	rows.filter(({ long }) => !long),
	rows,
);
/** Objects of their own: what was played is found by them. */
const plans = chosen.map(({ platform, standIn, security = {} }) => {
	const { [domain]: settings } = peerSecurities({ security, peers: [{ domain, platform }] });
	if (!settings) throw new Error(`there are no settings of ${domain}`);
	return { variant: { ...standIn }, settings: [settings] };
});

describe("platforms of peers", () => {
	let played: readonly PlayedCell[] = [];

	beforeAll(async () => {
		played = await playMatrix(plans);
	});

	const supported = Object.entries(platformFacts).flatMap(([name, { unsupported }]) => (unsupported ? [] : [name]));

	test.each(supported)("%s has a stand-in that federates, and one that is refused", (name) => {
		const outcomes = chosen.flatMap(({ platform, outcome }) => (platform === name ? [outcome.startsWith("-")] : []));
		expect(new Set(outcomes)).toEqual(new Set([true, false]));
	});

	const named = chosen.map((row, index) => {
		const security = row.security ? ` and spec.security ${JSON.stringify(row.security)}` : "";
		return { ...row, index, name: `${row.platform}, played by ${nameOfVariant(row.standIn)}${security}` };
	});

	test.each(named)("$name: $outcome", ({ index, outcome }) => {
		const cells = played.filter(({ variant }) => variant === plans[index]?.variant);
		expect(cells.map(({ direction, found, reason }) => ({ direction, found, reason }))).toEqual(
			["outgoing", "incoming"].map((direction) => ({ direction, found: outcome, reason: expect.any(String) })),
		);
	});
});
