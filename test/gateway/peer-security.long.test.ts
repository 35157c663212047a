import { describe } from "vitest";
import { everySetting } from "../law/law.ts";
import type { PeerCertificate, Variant } from "./lib/matrix.ts";
import { matrixTests } from "./lib/matrix-tests.ts";
import { peerKinds } from "./lib/peer-servers.ts";

const certificates: readonly PeerCertificate[] = [
	"valid",
	"serverAuthOnly",
	"selfSigned",
	"wrongName",
	"expired",
	"unknownAuthority",
];

/** Every setting that can be made, with every kind of server, whatever it is in TLS. */
describe.each(peerKinds)("%s", (kind) => {
	const external = kind !== "jabberd2";
	const all: readonly Variant[] = [
		...(["required", "optional"] as const).flatMap((tls) =>
			certificates.map((certificate): Variant => ({ kind, tls, certificate, external })),
		),
		...(["none", "broken"] as const).map((tls): Variant => ({ kind, tls, certificate: "valid", external })),
		// The only one of which SASL EXTERNAL can be taken away.
		...(kind === "prosody"
			? (["required", "optional"] as const).map(
					(tls): Variant => ({ kind, tls, certificate: "valid", external: false }),
				)
			: []),
	];
	matrixTests(all.map((variant) => ({ variant, settings: everySetting })));
});
