import { rootCertificates } from "node:tls";
import { beforeAll, describe, expect, test } from "vitest";
import { authoritiesOutOfTime, readAuthorities } from "../../../src/model/trusted-authorities.ts";
import { type Issued, issue } from "../../lib/issued-certificates.ts";

const now = new Date();
const day = 86_400_000;
const inDays = (days: number) => new Date(now.getTime() + days * day);

let root: Issued;
let intermediate: Issued;
let old: Issued;
let own: Issued;

beforeAll(async () => {
	root = await issue({ subject: "CN=Root", ca: true });
	intermediate = await issue({ subject: "CN=Intermediate", ca: true, issuer: root });
	old = await issue({ subject: "CN=Old", ca: true, notBefore: inDays(-9), notAfter: inDays(-1) });
	own = await issue({ issuer: root });
});

const refusal = (pem: string, systemRoots = true) => {
	try {
		return readAuthorities(pem, systemRoots);
	} catch (error) {
		return error;
	}
};
const message = (text: RegExp) => expect.objectContaining({ message: expect.stringMatching(text) });

describe("authorities", () => {
	test("are read each once, without what stands around them", () => {
		const text = `# partners\n${root.certificate}\n${intermediate.certificate}${root.certificate}the end`;
		const { certificates, bundle } = readAuthorities(text, false);
		expect(certificates.map(({ subject }) => subject)).toEqual(["CN=Root", "CN=Intermediate"]);
		expect(bundle).toBe(root.certificate + intermediate.certificate);
	});

	test("may be public ones, and what those issued while they are trusted", () => {
		const publicOnes = rootCertificates.join("\n");
		expect(readAuthorities(publicOnes, false).certificates).toHaveLength(rootCertificates.length);
	});

	test("that cannot be used are refused by name", () => {
		const broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
		expect(refusal("")).toEqual(message(/^holds no PEM certificate$/));
		expect(refusal(root.certificate + broken)).toEqual(message(/^certificate number 2 in it cannot be read$/));
		expect(refusal(root.certificate + own.certificate)).toEqual(
			message(/^CN=example\.com is not the certificate of an authority/),
		);
		expect(refusal(intermediate.certificate)).toEqual(message(/^CN=Intermediate is an intermediate, .*: add CN=Root$/));
		expect(refusal(root.certificate + " ".repeat(512 * 1024))).toEqual(message(/^has \d+ bytes, 524288 are the most$/));
	});

	test("that are out of time are told, and refused where no other is left", async () => {
		const future = await issue({ subject: "CN=Future", ca: true, notBefore: inDays(1), notAfter: inDays(9) });
		const some = readAuthorities(old.certificate + root.certificate + future.certificate, false);
		expect(authoritiesOutOfTime(some, now)).toEqual([
			expect.stringMatching(/^CN=Old expired at /),
			expect.stringMatching(/^CN=Future is valid only from /),
		]);
		expect(authoritiesOutOfTime(some, inDays(2))).toHaveLength(1);
		const none = readAuthorities(old.certificate, true);
		expect(() => authoritiesOutOfTime(none, now)).toThrow(/^none of its certificates is valid now: CN=Old expired/);
	});
});
