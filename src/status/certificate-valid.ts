import type { Verdict } from "./condition.ts";
import type { FederationObservation } from "./federation-observation.ts";

/** CertificateValid: peers that check certificates have no reason to refuse the federation's own. */
export function certificateValid({ certificate }: FederationObservation): Verdict {
	if (!certificate)
		return { status: "Unknown", reason: "NotAccepted", message: "There is no certificate to look at; see Accepted." };
	if (certificate.selfSigned) {
		const message =
			"The certificate is self-signed, because spec.security.certificate is not set. Peers that verify certificates " +
			"refuse it. Put one from a public CA in a Secret of type kubernetes.io/tls and name it there.";
		return { status: "False", reason: "SelfSigned", message };
	}
	const [first] = certificate.objections;
	if (first) {
		const all = certificate.objections.map(({ message }) => message).join("; ");
		return { status: "False", reason: first.reason, message: `spec.security.certificate.secretName: ${all}.` };
	}
	return { status: "True", reason: "Valid", message: `Valid until ${certificate.notAfter.toISOString()}.` };
}
