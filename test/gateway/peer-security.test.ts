import { everySetting, law, rowOf } from "../law/law.ts";
import type { Plan } from "./lib/matrix.ts";
import { matrixTests } from "./lib/matrix-tests.ts";

/** One setting for each row of the law: the same in both directions. */
const oneForEachRow = law.map((row) => {
	const settings = everySetting.find((each) => rowOf(each, "incoming") === row && rowOf(each, "outgoing") === row);
	if (!settings) throw new Error(`no setting has ${row.mode} in both directions`);
	return settings;
});
const oneForEachMode = oneForEachRow.filter(
	({ mode, peerCertificates, saslExternal }) =>
		mode === "NoTLS" || (peerCertificates === "Strict" && saslExternal?.incoming === "Disabled"),
);
/** A handshake that fails in one direction must not do away with TLS in the other, where it is needed. */
const externalOutwards = everySetting.filter(
	({ mode, saslExternal, dialback }) =>
		mode === "TLSOptional" &&
		saslExternal?.incoming === "Offered" &&
		saslExternal.outgoing === "Required" &&
		dialback.mode === "Enabled",
);
const valid = { tls: "optional", certificate: "valid", external: true } as const;
const prosody = { ...valid, kind: "prosody" } as const;
const ejabberd = { ...valid, kind: "ejabberd" } as const;
const jabberd2 = { ...valid, kind: "jabberd2", external: false } as const;

/** Every row and column of the law with one kind of server, and of the other kinds what differs most. */
const plans: readonly Plan[] = [
	{ variant: prosody, settings: oneForEachRow },
	{ variant: { ...prosody, external: false }, settings: oneForEachRow },
	{ variant: { ...prosody, certificate: "selfSigned" }, settings: oneForEachRow },
	{ variant: { ...prosody, tls: "none" }, settings: oneForEachRow },
	{ variant: { ...prosody, tls: "broken" }, settings: [...oneForEachRow, ...externalOutwards] },
	{ variant: { ...prosody, certificate: "serverAuthOnly" }, settings: oneForEachRow },
	{ variant: { ...prosody, certificate: "expired" }, settings: oneForEachRow },
	{ variant: { ...ejabberd, tls: "required" }, settings: oneForEachRow },
	{ variant: { ...ejabberd, certificate: "wrongName" }, settings: oneForEachRow },
	{ variant: { ...ejabberd, tls: "none" }, settings: oneForEachRow },
	{ variant: { ...ejabberd, tls: "broken" }, settings: oneForEachRow },
	// One setting after the other, which takes its time.
	...[
		jabberd2,
		{ ...jabberd2, tls: "required", certificate: "unknownAuthority" } as const,
		{ ...jabberd2, tls: "none" } as const,
		{ ...jabberd2, tls: "broken" } as const,
	].map((variant) => ({ variant, settings: oneForEachMode })),
];

matrixTests(plans);
