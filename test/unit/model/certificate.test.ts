import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { rootCertificates } from "node:tls";
import { beforeAll, describe, expect, test } from "vitest";
import { certificateReasons, inspectCertificate } from "../../../src/model/certificate.ts";
import { endOfChain } from "../../../src/model/certificate-chain.ts";
import { clientAuth, type Issued, type IssueOptions, issue, serverAuth } from "../../lib/issued-certificates.ts";

const now = new Date("2026-06-01T12:00:00Z");
const day = 86_400_000;
const inDays = (days: number) => new Date(now.getTime() + days * day);
const validity = { notBefore: inDays(-10), notAfter: inDays(80) };

let root: Issued;
let intermediate: Issued;

beforeAll(async () => {
	root = await issue({ subject: "CN=Root", ca: true, ...validity, notAfter: inDays(3000) });
	intermediate = await issue({ subject: "CN=Intermediate", ca: true, issuer: root, ...validity });
});

interface Case {
	readonly options?: IssueOptions;
	readonly selfSigned?: true;
	readonly domains?: readonly string[];
	/** What comes after the certificate in tls.crt; the intermediate by default. */
	readonly rest?: () => readonly Issued[];
	/** Authorities that are known beside the public ones; the root by default. */
	readonly known?: () => readonly Issued[];
	readonly at?: Date;
	/** Messages by reason, in order. */
	readonly finds: Readonly<Record<string, RegExp | string>>;
}

const short = { notBefore: inDays(-2), notAfter: inDays(4) };

const cases: Readonly<Record<string, Case>> = {
	"that nobody objects to": { finds: {} },
	"with RSA, 2048 bits": { options: { keys: "RSA2048" }, finds: {} },
	"with P-384": { options: { keys: "P384" }, finds: {} },
	"with its root, and its issuers in another order": { rest: () => [root, intermediate], finds: {} },
	"without any extended key usage": { options: { usages: [] }, finds: {} },
	"with a wildcard for one domain": {
		options: { names: ["example.com", "*.example.com"] },
		domains: ["example.com", "conference.example.com"],
		finds: {},
	},
	"with an SRVName and an XmppAddr": {
		options: { names: ["SRVName:_xmpp-server.example.com", "XmppAddr:b\u00fccher.example"] },
		domains: ["example.com", "xn--bcher-kva.example"],
		finds: {},
	},
	"22 days before its end": { at: inDays(80 - 22), finds: {} },
	"for six days, of which four are left": { options: short, finds: {} },

	"before its time": {
		at: inDays(-11),
		finds: { NotYetValid: "it is valid only from 2026-05-22T12:00:00.000Z: wait, or check the clocks" },
	},
	"after its end": {
		options: { notAfter: inDays(-1) },
		finds: { Expired: "it expired at 2026-05-31T12:00:00.000Z: renew it" },
	},
	"21 days before its end": { at: inDays(80 - 21), finds: { ExpiresSoon: /expires at 2026-08-20T12:00:00.000Z/ } },
	"for six days, of which two are left": {
		options: short,
		at: inDays(2),
		finds: { ExpiresSoon: /expires at 2026-06-05T12:00:00.000Z/ },
	},
	"whose intermediate ends before it": {
		options: { notAfter: inDays(400) },
		at: inDays(80),
		finds: { Expired: "its intermediate CN=Intermediate expired at 2026-08-20T12:00:00.000Z: renew it" },
	},
	"for other names": {
		options: { names: ["example.org", "SRVName:_xmpp-client.example.com"], subject: "CN=example.com" },
		finds: { NameMissing: "it has no subjectAltName for example.com: get one with a DNS name for every domain" },
	},
	"for some of the names": {
		domains: ["example.com", "conference.example.com", "example.net"],
		finds: { NameMissing: /no subjectAltName for conference\.example\.com, example\.net: / },
	},
	"with a wildcard instead of the name": {
		options: { names: ["*.example.com"] },
		domains: ["example.com", "a.b.example.com"],
		finds: {
			NameMissing: /for example\.com, a\.b\.example\.com \(\*\.example\.com does not stand for example\.com itself\)/,
		},
	},
	"with a wildcard for part of a label": {
		options: { names: ["conf*.example.com"] },
		domains: ["conference.example.com"],
		finds: { NameMissing: /conference/ },
	},
	"signed with its own key": {
		selfSigned: true,
		rest: () => [],
		finds: { SelfSigned: "it is self-signed: get one from an authority that peers know" },
	},
	"without its intermediate, which it says where to get": {
		options: { caIssuers: "http://ca.example/r3.cer" },
		rest: () => [],
		finds: {
			ChainIncomplete:
				"the chain in tls.crt ends before CN=Intermediate: append that certificate (http://ca.example/r3.cer)",
		},
	},
	"whose intermediate is that of another authority": {
		options: { caIssuers: "http://ca.example/r3.cer" },
		rest: () => [root],
		finds: { ChainIncomplete: /ends before CN=Intermediate/ },
	},
	"by an issuer that nobody knows": { rest: () => [], finds: { UnknownAuthority: /ends at CN=Intermediate, / } },
	"by an intermediate whose root nobody knows": {
		known: () => [],
		finds: { UnknownAuthority: /ends at CN=Root, which is no public authority: / },
	},
	"with a root that nobody knows": {
		rest: () => [intermediate, root],
		known: () => [],
		finds: { UnknownAuthority: /ends at CN=Root, / },
	},
	"for clients only": { options: { usages: [clientAuth] }, finds: { NoServerAuth: /lacks serverAuth/ } },
	"for servers only": { options: { usages: [serverAuth] }, finds: { NoClientAuth: /Expressway/ } },
	"with everything wrong at once": {
		options: { names: ["example.org"], usages: [serverAuth], notAfter: inDays(-1) },
		rest: () => [],
		finds: { Expired: /./, NameMissing: /./, UnknownAuthority: /./, NoClientAuth: /./ },
	},
};

test.each(Object.entries(cases))("a certificate %s", async (_what, one) => {
	const { options = {}, domains = ["example.com"], at = now, finds } = one;
	const own = await issue({ ...(!one.selfSigned && { issuer: intermediate }), ...validity, ...options });
	const chain = [own, ...(one.rest?.() ?? [intermediate])].map(({ certificate }) => certificate).join("");
	const authorities = (one.known?.() ?? [root]).map(({ certificate }) => new X509Certificate(certificate));
	const { findings } = inspectCertificate(chain, own.key, domains, at, authorities);
	expect(findings.map(({ reason }) => reason)).toEqual(Object.keys(finds));
	for (const { reason, message } of findings) expect(message).toMatch(finds[reason] ?? "");
});

describe("a certificate that the gateway cannot use", () => {
	const problem = (certificate: string, key: string) => {
		try {
			return inspectCertificate(certificate, key, ["example.com"], now);
		} catch (error) {
			return error;
		}
	};
	const is = (reason: string, message: RegExp) =>
		expect.objectContaining({ reason, message: expect.stringMatching(message) });

	test("is none, or one with something broken after it", async () => {
		const { certificate, key } = await issue();
		const broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
		expect(problem("hello", key)).toEqual(is("Unreadable", /^tls\.crt holds no PEM certificate$/));
		expect(problem(certificate + broken, key)).toEqual(is("Unreadable", /a block that is no certificate/));
		expect(problem(certificate, "hello")).toEqual(is("Unreadable", /^tls\.key holds no unencrypted PEM private key$/));
	});
	test("has another key, or comes after its issuer", async () => {
		const own = await issue({ issuer: intermediate });
		expect(problem(own.certificate, intermediate.key)).toEqual(
			is("KeyMismatch", /not the key of the first certificate/),
		);
		expect(problem(intermediate.certificate + own.certificate, own.key)).toEqual(
			is("KeyMismatch", /must be the server's own/),
		);
	});
	test("has a short key, or its issuer has", async () => {
		const { certificate, key, ...rest } = await issue({ keys: "RSA1024", subject: "CN=Short" });
		expect(problem(certificate, key)).toEqual(is("WeakKey", /for CN=Short has a key of 1024 bits: use RSA with 2048/));
		const own = await issue({ issuer: { certificate, key, ...rest } });
		expect(problem(own.certificate + certificate, own.key)).toEqual(
			is("WeakKey", /for CN=Short has a key of 1024 bits/),
		);
	});
	test("is signed with SHA-1; a root may be, for nobody looks at that", async () => {
		const old = await issue({ keys: "RSASHA1", subject: "CN=Old", ca: true, ...validity });
		const own = await issue({ issuer: old, ...validity });
		expect(problem(own.certificate, own.key)).toEqual(
			is("WeakSignature", /for CN=example\.com is signed with sha1WithRSAEncryption/),
		);
		const selfSigned = await issue({ keys: "RSASHA1", ...validity });
		expect(inspectCertificate(selfSigned.certificate, selfSigned.key, ["example.com"], now).findings).toMatchObject([
			{ reason: "SelfSigned" },
		]);
	});
});

test("what time changes next: it begins, it is about to end, it ends, nothing", async () => {
	const own = await issue({ issuer: intermediate, ...validity });
	const facts = (at: Date) => inspectCertificate(own.certificate, own.key, ["example.com"], at);
	const [begins, soon, ends] = [inDays(-10), inDays(59), inDays(80)];
	expect([inDays(-11), begins, now, soon, inDays(79), ends].map((at) => facts(at).changesAt)).toEqual([
		begins,
		soon,
		soon,
		ends,
		ends,
		undefined,
	]);
	expect(facts(now).notAfter).toEqual(ends);
});

test("public authorities are known without being given", () => {
	const certificate = new X509Certificate(rootCertificates[0] ?? "");
	expect(endOfChain([certificate], [])).toEqual({ known: true });
});

test("every reason is found by a case above", () => {
	const found = new Set(Object.values(cases).flatMap(({ finds }) => Object.keys(finds)));
	const usable = Object.entries(certificateReasons).filter(([, effect]) => effect !== "Unusable");
	expect([...found].toSorted()).toEqual(usable.map(([reason]) => reason).toSorted());
});

test("the guide has every reason, with the status that the condition has then", () => {
	const guide = readFileSync(new URL("../../../docs/certificates.md", import.meta.url), "utf8");
	const rows = [...guide.matchAll(/^\| (\w+) \| (True|False) \|/gm)].map(([, reason, status]) => `${reason} ${status}`);
	const reasons = Object.entries(certificateReasons).map(
		([reason, effect]) => `${reason} ${effect === "Doubtful" ? "True" : "False"}`,
	);
	expect(rows.toSorted()).toEqual(["Valid True", ...reasons].toSorted());
});
