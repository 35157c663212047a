import type { PeerSecurityIntent, SaslUse } from "../../src/model/intent.ts";

/**
 * The law: what comes of a stream between a peer and the gateway, for every setting and everything that a peer can do
 * (R4-R7). `docs/security.md` is made from it, and the tests play it against real servers.
 *
 * It is the same for both directions. `sasl` is saslExternal.incoming for streams that the peer opens, and
 * saslExternal.outgoing for streams to it. What a peer demands by itself comes on top: one that wants TLS refuses NoTLS.
 */

/** What the peer does, on the stream in question. */
export const situations = {
	noTls: "does not use TLS",
	tlsFails: "fails at the TLS handshake",
	external: "shows a certificate that verifies, and uses SASL EXTERNAL",
	dialback: "shows a certificate that verifies, and uses dialback",
	untrusted: "shows a certificate that does not verify, or none",
} as const;
export type Situation = keyof typeof situations;
export const everySituation: readonly Situation[] = ["noTls", "tlsFails", "external", "dialback", "untrusted"];

/** What comes of it: how the peer is identified, or why it is refused. */
export const outcomes = {
	plain: "dialback, without TLS",
	tls: "dialback inside TLS",
	EXTERNAL: "SASL EXTERNAL inside TLS",
	"-TLS": "refused: TLS is needed, and there is none",
	"-SASL": "refused: SASL EXTERNAL is needed, and there is none",
	"-cert": "refused: a certificate that verifies is required",
} as const;
export type Outcome = keyof typeof outcomes;

/** Whether a stream comes to be. */
export function isRefusal(outcome: Outcome): boolean {
	return outcome.startsWith("-");
}

export interface LawRow {
	readonly mode: PeerSecurityIntent["mode"];
	readonly certificates: "Strict" | "Opportunistic" | "-";
	readonly sasl: SaslUse | "-";
	readonly dialback: "Enabled" | "Disabled";
	readonly cells: Readonly<Record<Situation, Outcome>>;
}

/**
 * Every setting that can be made: SASL EXTERNAL and dialback cannot both be Disabled, and NoTLS has neither certificates
 * nor SASL EXTERNAL.
 */
export const law: readonly LawRow[] = `
mode         certificates   sasl      dialback   noTls   tlsFails  external  dialback  untrusted
NoTLS        -              -         Enabled    plain   plain     plain     plain     plain

TLSOptional  Opportunistic  Offered   Enabled    plain   plain     EXTERNAL  tls       tls
TLSOptional  Opportunistic  Disabled  Enabled    plain   plain     tls       tls       tls
TLSOptional  Opportunistic  Required  Enabled    -SASL   -TLS      EXTERNAL  -SASL     -SASL
TLSOptional  Opportunistic  Offered   Disabled   -SASL   -TLS      EXTERNAL  -SASL     -SASL
TLSOptional  Opportunistic  Required  Disabled   -SASL   -TLS      EXTERNAL  -SASL     -SASL

TLSOptional  Strict         Offered   Enabled    plain   plain     EXTERNAL  tls       -cert
TLSOptional  Strict         Disabled  Enabled    plain   plain     tls       tls       -cert
TLSOptional  Strict         Required  Enabled    -SASL   -TLS      EXTERNAL  -SASL     -cert
TLSOptional  Strict         Offered   Disabled   -SASL   -TLS      EXTERNAL  -SASL     -cert
TLSOptional  Strict         Required  Disabled   -SASL   -TLS      EXTERNAL  -SASL     -cert

TLSRequired  Opportunistic  Offered   Enabled    -TLS    -TLS      EXTERNAL  tls       tls
TLSRequired  Opportunistic  Disabled  Enabled    -TLS    -TLS      tls       tls       tls
TLSRequired  Opportunistic  Required  Enabled    -TLS    -TLS      EXTERNAL  -SASL     -SASL
TLSRequired  Opportunistic  Offered   Disabled   -TLS    -TLS      EXTERNAL  -SASL     -SASL
TLSRequired  Opportunistic  Required  Disabled   -TLS    -TLS      EXTERNAL  -SASL     -SASL

TLSRequired  Strict         Offered   Enabled    -TLS    -TLS      EXTERNAL  tls       -cert
TLSRequired  Strict         Disabled  Enabled    -TLS    -TLS      tls       tls       -cert
TLSRequired  Strict         Required  Enabled    -TLS    -TLS      EXTERNAL  -SASL     -cert
TLSRequired  Strict         Offered   Disabled   -TLS    -TLS      EXTERNAL  -SASL     -cert
TLSRequired  Strict         Required  Disabled   -TLS    -TLS      EXTERNAL  -SASL     -cert
`
	.split("\n")
	.filter((line) => line !== "")
	.slice(1)
	.map(parseRow);

function parseRow(line: string): LawRow {
	const words = line.split(/ +/);
	const word = <Word extends string>(index: number, known: readonly Word[]): Word => {
		const found = known.find((each) => each === words[index]);
		if (found === undefined) throw new Error(`${words[index]} is none of ${known.join(", ")}: ${line}`);
		return found;
	};
	const outcome = (index: number) => word(index, ["plain", "tls", "EXTERNAL", "-TLS", "-SASL", "-cert"]);
	return {
		mode: word(0, ["NoTLS", "TLSOptional", "TLSRequired"]),
		certificates: word(1, ["Strict", "Opportunistic", "-"]),
		sasl: word(2, ["Required", "Offered", "Disabled", "-"]),
		dialback: word(3, ["Enabled", "Disabled"]),
		cells: {
			noTls: outcome(4),
			tlsFails: outcome(5),
			external: outcome(6),
			dialback: outcome(7),
			untrusted: outcome(8),
		},
	};
}

export type Direction = "incoming" | "outgoing";

/** The row that holds for streams of that direction. */
export function rowOf(
	{ mode, peerCertificates, saslExternal, dialback }: PeerSecurityIntent,
	direction: Direction,
): LawRow {
	const row = law.find(
		(each) =>
			each.mode === mode &&
			each.certificates === (peerCertificates ?? "-") &&
			each.sasl === (saslExternal?.[direction] ?? "-") &&
			each.dialback === dialback.mode,
	);
	if (!row)
		throw new Error(`the law has no row for ${mode} ${peerCertificates} ${saslExternal?.[direction]} ${dialback.mode}`);
	return row;
}

/**
 * What comes of a stream by the law.
 *
 * @param situation what the peer does on streams of each direction
 */
export function outcomeOf(
	settings: PeerSecurityIntent,
	direction: Direction,
	situation: Readonly<Record<Direction, Situation>>,
): Outcome {
	const outcome = rowOf(settings, direction).cells[situation[direction]];
	// To identify a peer by dialback it is asked, on a stream to it. Where that is refused, nobody answers.
	if (direction === "incoming" && (outcome === "plain" || outcome === "tls")) {
		const asking = rowOf(settings, "outgoing").cells[situation.outgoing];
		if (isRefusal(asking)) return asking;
	}
	return outcome;
}

/** Every setting of a peer that can be made. */
export const everySetting: readonly PeerSecurityIntent[] = [
	{ mode: "NoTLS", dialback: { mode: "Enabled" } },
	...(["TLSOptional", "TLSRequired"] as const).flatMap((mode) =>
		(["Opportunistic", "Strict"] as const).flatMap((peerCertificates) =>
			(["Enabled", "Disabled"] as const).flatMap((dialback) => {
				const uses: readonly SaslUse[] =
					dialback === "Enabled" ? ["Offered", "Disabled", "Required"] : ["Offered", "Required"];
				return uses.flatMap((incoming) =>
					uses.map(
						(outgoing): PeerSecurityIntent => ({
							mode,
							peerCertificates,
							saslExternal: { incoming, outgoing },
							dialback: { mode: dialback },
						}),
					),
				);
			}),
		),
	),
];
