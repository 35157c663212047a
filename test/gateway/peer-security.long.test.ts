import { describe } from "vitest";
import type { PeerSecurityIntent } from "../../src/model/intent.ts";
import { everySetting } from "../law/law.ts";
import type { PeerCertificate, Variant } from "./lib/matrix.ts";
import { matrixTests } from "./lib/matrix-tests.ts";
import { type PeerKind, type PeerTls, peerKinds } from "./lib/peer-servers.ts";

const certificates: readonly PeerCertificate[] = [
	"valid",
	"serverAuthOnly",
	"selfSigned",
	"wrongName",
	"expired",
	"unknownAuthority",
];

/** Every setting that can be made, with every kind of server, whatever it is in TLS. */
describe.each(slices())("$name", ({ variants, settings }) => {
	matrixTests(variants.map((variant) => ({ variant, settings })));
});

/** What is played in one network. */
interface Slice {
	readonly name: string;
	readonly variants: readonly Variant[];
	readonly settings: readonly PeerSecurityIntent[];
}

function slices(): readonly Slice[] {
	return peerKinds.flatMap((kind) =>
		(["required", "optional", "none", "broken"] as const).flatMap((tls): readonly Slice[] => {
			const name = `${kind}, TLS ${tls}`;
			const variants = variantsOf(kind, tls);
			if (kind !== "jabberd2") return [{ name, variants, settings: everySetting }];
			// It is played with one setting after the other, which takes its time.
			const byMode = Map.groupBy(everySetting, ({ mode }) => mode);
			return [...byMode].map(([mode, settings]) => ({ name: `${name}, ${mode}`, variants, settings }));
		}),
	);
}

function variantsOf(kind: PeerKind, tls: PeerTls): readonly Variant[] {
	const hasTls = tls === "required" || tls === "optional";
	const variant = { kind, tls, certificate: "valid", external: kind !== "jabberd2" } as const;
	return [
		...(hasTls ? certificates : (["valid"] as const)).map((certificate) => ({ ...variant, certificate })),
		// The only one of which SASL EXTERNAL can be taken away.
		...(hasTls && kind === "prosody" ? [{ ...variant, external: false }] : []),
	];
}
