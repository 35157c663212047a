import type { CertificateView, FederationFacts } from "./facts.ts";
import { nameOf } from "./names.ts";
import { type DiagnosisCheck, difference, ok, problem, unknown } from "./report.ts";

/** ms before its end from which on a certificate is a problem: whatever renews certificates has failed by then. */
const soon = 21 * 86_400_000;

/** Certificates that peers see: valid, and alike in issuer and names. */
export function diagnoseCertificates(federations: readonly FederationFacts[], now: Date): readonly DiagnosisCheck[] {
	const known = federations.flatMap(({ certificate, ...facts }) =>
		"value" in certificate ? [{ name: nameOf(facts), certificate: certificate.value }] : [],
	);
	return [
		...federations.map((facts) => validityOf(facts, now)),
		...(known.length < 2
			? []
			: [
					compared(
						"Certificate issuers",
						known,
						({ issuer }) => issuer,
						"A peer that knows one of the issuers only verifies half of the clusters: get all certificates from the same one.",
					),
					compared(
						"Certificate names",
						known,
						({ names }) => names.join(", ") || "none",
						"Each certificate needs all domains and aliases: peers reach any of the clusters.",
					),
				]),
	];
}

function validityOf(facts: FederationFacts, now: Date): DiagnosisCheck {
	const check = "Certificate";
	const name = nameOf(facts);
	const { certificate } = facts;
	const condition = facts.view.status.conditions.find(({ type }) => type === "CertificateValid");
	if (condition?.status === "False") return problem(check, `${name}: ${condition.reason}`, condition.message);
	if (condition && condition.status === "True" && condition.reason !== "Valid") {
		return problem(check, `${name}: ${condition.reason}`, condition.message);
	}
	if ("problem" in certificate) return unknown(check, `${name}: ${certificate.problem}`);
	const { issuer, names, notAfter } = certificate.value;
	const shown = `${names.join(", ")} by ${issuer}, until ${notAfter.toISOString()}`;
	if (notAfter.getTime() - now.getTime() < soon) return problem(check, `${name}: ${shown}`, "Renew it.");
	return ok(check, `${name}: ${shown}`);
}

interface Named {
	readonly name: string;
	readonly certificate: CertificateView;
}

function compared(
	check: string,
	known: readonly Named[],
	valueOf: (certificate: CertificateView) => string,
	remedy: string,
): DiagnosisCheck {
	const byValue = Map.groupBy(known, ({ certificate }) => valueOf(certificate));
	const [only] = byValue.keys();
	if (byValue.size === 1) return ok(check, `the same everywhere: ${only}`);
	const list = [...byValue].map(([value, named]) => `${value} in ${named.map(({ name }) => name).join(", ")}`);
	return difference(check, list.join("; "), remedy);
}
