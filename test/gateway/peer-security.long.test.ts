import { describe } from "vitest";
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
describe.each(slices())("$kind, TLS $tls", ({ variants }) => {
	matrixTests(variants.map((variant) => ({ variant, settings: everySetting })));
});

/** What is played at once, in one network. */
interface Slice {
	readonly kind: PeerKind;
	readonly tls: PeerTls;
	readonly variants: readonly Variant[];
}

function slices(): readonly Slice[] {
	return peerKinds.flatMap((kind) =>
		(["required", "optional", "none", "broken"] as const).map((tls): Slice => {
			const hasTls = tls === "required" || tls === "optional";
			const external = kind !== "jabberd2";
			const variant = { kind, tls, certificate: "valid", external } as const;
			return {
				kind,
				tls,
				variants: [
					...(hasTls ? certificates : (["valid"] as const)).map((certificate) => ({ ...variant, certificate })),
					// The only one of which SASL EXTERNAL can be taken away.
					...(hasTls && kind === "prosody" ? [{ ...variant, external: false }] : []),
				],
			};
		}),
	);
}
