import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
	distribution,
	linkAuthorityDays,
	linkCertificateDays,
	nextLinkCertificateStep,
} from "../../../src/model/link-certificate-renewal.ts";
import type { LinkAuthority, LinkCertificateState } from "../../../src/model/link-certificate-state.ts";

const hour = 3_600_000;
const day = 24 * hour;
const start = new Date("2026-06-01T00:00:00Z");
const at = (days: number) => new Date(start.getTime() + days * day);

const authority = (id: string, madeOnDay = 0): LinkAuthority => ({
	id,
	notBefore: at(madeOnDay - 1),
	notAfter: at(madeOnDay + linkAuthorityDays),
});
const certificate = (issuer: string, madeOnDay = 0) => ({
	usable: true as const,
	issuer,
	notBefore: at(madeOnDay - 1),
	notAfter: at(madeOnDay + linkCertificateDays),
});
const nothing = (problem: string, broken = false) => ({ usable: false as const, problem, broken });

/** Everything as it is right after the start. */
const settled: LinkCertificateState = {
	authority: { usable: true, ...authority("a") },
	published: { trusted: [authority("a")], tidy: true, certificate: certificate("a"), since: at(0) },
};
const withPublished = (change: Partial<LinkCertificateState["published"]>, authorityId = "a", madeOnDay = 0) => ({
	authority: { usable: true as const, ...authority(authorityId, madeOnDay) },
	published: { ...settled.published, ...change },
});
const old = authority("old", -3000);

describe("what is done next", () => {
	test.each<[string, LinkCertificateState, number, object | undefined]>([
		["nothing, right after the start", settled, 0, undefined],
		["nothing, before two thirds of the certificate's time", settled, 59, undefined],
		["a new certificate after two thirds", settled, 60, { kind: "Publish", certificate: "New", repair: false }],
		[
			"a new authority after two thirds of its time",
			{ ...settled, published: { ...settled.published, certificate: certificate("a", 2400) } },
			2434,
			{ kind: "MakeAuthority", repair: false },
		],
		[
			"an authority first of all",
			{ authority: nothing("there is none"), published: withPublished({}).published },
			0,
			{ kind: "MakeAuthority", reason: "there is none", repair: false },
		],
		[
			"an authority for one that is broken",
			{ ...settled, authority: nothing("tls.key is not the key of tls.crt", true) },
			0,
			{ kind: "MakeAuthority", repair: true },
		],
		[
			"the first certificate",
			withPublished({ trusted: [], certificate: nothing("there is none"), since: undefined }),
			0,
			{ kind: "Publish", certificate: "New", alsoTrusted: [], repair: false },
		],
		[
			"a certificate for one that is broken, at once, and nobody's trust is lost",
			withPublished({ trusted: [authority("a"), old], certificate: nothing("tls.crt holds no certificate", true) }),
			0,
			{ kind: "Publish", certificate: "New", alsoTrusted: ["old"], repair: true },
		],
		[
			"trust in a new authority, and the certificate stays",
			withPublished({ trusted: [old], certificate: certificate("old") }),
			10,
			{ kind: "Publish", certificate: "Keep", alsoTrusted: ["old"], repair: false },
		],
		[
			"nothing while that trust is on its way",
			withPublished({ trusted: [authority("a"), old], certificate: certificate("old"), since: at(10) }),
			10.9,
			undefined,
		],
		[
			"a certificate by the new authority when it has arrived, and the old one stays trusted",
			withPublished({ trusted: [authority("a"), old], certificate: certificate("old"), since: at(10) }),
			11,
			{ kind: "Publish", certificate: "New", alsoTrusted: ["old"] },
		],
		[
			"a certificate by the new authority at once where that of the old one would not last",
			withPublished({ trusted: [old], certificate: certificate("old", -89.5) }),
			0,
			{ kind: "Publish", certificate: "New", alsoTrusted: ["old"] },
		],
		[
			"no renewal by an authority that signs no more",
			withPublished({ trusted: [authority("a"), old], certificate: certificate("old", -70), since: at(-0.5) }),
			0,
			undefined,
		],
		[
			"nothing while the new certificate is on its way",
			withPublished({ trusted: [authority("a"), old], since: at(11) }),
			11.9,
			undefined,
		],
		[
			"the end of trust in the old authority when it has arrived",
			withPublished({ trusted: [authority("a"), old], since: at(11) }),
			12,
			{ kind: "Publish", certificate: "Keep", alsoTrusted: [], repair: false },
		],
		[
			"the end of trust in one that has expired",
			withPublished({ trusted: [authority("a"), authority("old", -linkAuthorityDays)], since: at(0) }),
			0.5,
			{ kind: "Publish", certificate: "Keep", alsoTrusted: [] },
		],
		[
			"trust in the own authority where somebody removed it",
			withPublished({ trusted: [] }),
			1,
			{ kind: "Publish", certificate: "Keep", alsoTrusted: [], repair: true },
		],
		["ca.crt where something else is in it", withPublished({ tidy: false }), 1, { certificate: "Keep", repair: true }],
		["the time where it is missing", withPublished({ since: undefined }), 1, { certificate: "Keep", repair: true }],
		["the time where it is to come", withPublished({ since: at(5) }), 1, { certificate: "Keep", repair: true }],
	])("%s", (_what, state, onDay, expected) => {
		expect({ step: nextLinkCertificateStep(state, at(onDay)) }).toMatchObject({ step: expected });
	});
});

/** The two Secrets, and what each pod has of the second: what was in it up to a day ago. */
class Simulation {
	state: LinkCertificateState = {
		authority: nothing("there is none"),
		published: { trusted: [], tidy: true, certificate: nothing("there is none"), since: undefined },
	};
	authorities = 0;
	certificates = 0;
	readonly #history: { readonly until: Date; readonly published: LinkCertificateState["published"] }[] = [];

	advance(now: Date): void {
		for (let steps = 0; ; steps++) {
			const step = nextLinkCertificateStep(this.state, now);
			if (!step) break;
			if (steps > 3) throw new Error(`no end at ${now.toISOString()}: ${step.reason}`);
			const days = (now.getTime() - start.getTime()) / day;
			if (step.kind === "MakeAuthority") {
				this.state = { ...this.state, authority: { usable: true, ...authority(`${++this.authorities}`, days) } };
				continue;
			}
			const own = this.state.authority;
			if (!own.usable) throw new Error("nobody signs");
			if (step.certificate === "New") this.certificates++;
			const { published } = this.state;
			if (published.since) this.#history.push({ until: now, published });
			this.state = {
				authority: own,
				published: {
					trusted: [own, ...published.trusted.filter(({ id }) => step.alsoTrusted.includes(id))],
					tidy: true,
					certificate: step.certificate === "New" ? certificate(own.id, days) : published.certificate,
					since: now,
				},
			};
		}
	}

	/** Throws unless every two pods link, however late each got the Secret within the time that is given for it. */
	check(now: Date): void {
		const views = [
			this.state.published,
			...this.#history
				.filter(({ until }) => until.getTime() > now.getTime() - distribution)
				.map(({ published }) => published),
		];
		for (const { certificate: shown } of views) {
			if (!shown.usable || shown.notAfter <= now) throw new Error(`no usable certificate at ${now.toISOString()}`);
			for (const { trusted } of views) {
				const trusts = trusted.some(({ id, notAfter }) => id === shown.issuer && notAfter > now);
				if (!trusts) throw new Error(`authority ${shown.issuer} is not trusted everywhere at ${now.toISOString()}`);
			}
		}
	}
}

/** Some looks close together, somewhere in the time. */
const closeLosses = fc
	.tuple(fc.nat(5_000), fc.uniqueArray(fc.nat(20), { minLength: 1, maxLength: 5 }))
	.map(([first, after]) => after.map((looks) => first + looks));

describe("over years, looked at every 6 hours", () => {
	const run = (years: number, lose: (looks: number) => boolean) => {
		const simulation = new Simulation();
		for (let looks = 0; looks < years * 365 * 4; looks++) {
			const now = new Date(start.getTime() + looks * 6 * hour);
			if (lose(looks)) simulation.state = { ...simulation.state, authority: nothing("there is none") };
			simulation.advance(now);
			simulation.check(now);
		}
		return simulation;
	};

	test("every two pods link at any time in 30 years, through changes of certificate and authority", () => {
		const { authorities, certificates, state } = run(30, () => false);
		expect(authorities).toBe(5);
		expect(certificates).toBe(185);
		expect(state.published.trusted).toHaveLength(1);
	});

	test("so they do where the authority's Secret is lost, whenever and however often that is", () => {
		fc.assert(
			fc.property(closeLosses, (losses) => {
				expect(run(4, (looks) => losses.includes(looks)).state.published.trusted.length).toBeLessThanOrEqual(2);
			}),
			{ numRuns: 20 },
		);
	});
});
