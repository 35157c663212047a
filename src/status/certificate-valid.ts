import { certificateReasons } from "../model/certificate.ts";
import type { Verdict } from "./condition.ts";
import type { FederationObservation } from "./federation-observation.ts";

/**
 * CertificateValid: the gateway can use the federation's own certificate, and peers that verify certificates take it. True
 * with another reason than Valid: they do now, but there is something to do. Reasons: `certificateReasons`.
 */
export function certificateValid({ certificate }: FederationObservation): Verdict {
	if (!certificate)
		return { status: "Unknown", reason: "NotAccepted", message: "There is no certificate to look at; see Accepted." };
	if (!("findings" in certificate)) {
		const message = `spec.security.certificate: ${certificate.message}. The certificate before stays in use.`;
		return { status: "False", reason: certificate.reason, message };
	}
	const { source, findings, notAfter } = certificate;
	if (source === "SelfSigned") {
		const message =
			"The certificate is self-signed, because spec.security.certificate is not set. Peers that verify certificates " +
			"refuse it. Put one from a public CA in a Secret of type kubernetes.io/tls and name it there.";
		return { status: "False", reason: "SelfSigned", message };
	}
	const [first] = findings;
	if (!first) return { status: "True", reason: "Valid", message: `Valid until ${notAfter.toISOString()}.` };
	const all = findings.map(({ message }) => message).join("; ");
	return {
		status: certificateReasons[first.reason] === "Refused" ? "False" : "True",
		reason: first.reason,
		message: `spec.security.certificate: ${all}.`,
	};
}
