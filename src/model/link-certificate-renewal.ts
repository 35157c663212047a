import type { LinkCertificateState } from "./link-certificate-state.ts";

/**
 * When the certificates of a federation's links are made and replaced. Times only: reading what is there is
 * `link-certificate-state.ts`, writing is the controller's.
 *
 * Invariant: at no time is a link certificate in use of which a gateway may not yet know the authority. So a new
 * authority is first trusted, and signs when that has had {@link distribution} to reach every pod; the one before is
 * trusted until the last certificate of its has been replaced for as long. A certificate that cannot be used has
 * nothing to lose and is replaced at once.
 */

/** Validity in days. */
export const linkCertificateDays = 90;
export const linkAuthorityDays = 3650;

/** Both are replaced when this part of their validity is over. */
const renewAfter = 2 / 3;

/**
 * Milliseconds until what was written to the Secret is in use in every pod. The kubelet takes up to two minutes, the
 * gateway some seconds; a day also covers a Kubernetes node that was cut off for some hours.
 */
export const distribution = 24 * 60 * 60 * 1000;

export type LinkCertificateStep =
	/** Make a new authority; the one before, if any, signs nothing more. */
	| { readonly kind: "MakeAuthority"; readonly reason: string; readonly repair: boolean }
	/** Write the pods' Secret: a certificate by the authority (`New`) or the one that is there (`Keep`). */
	| {
			readonly kind: "Publish";
			readonly certificate: "New" | "Keep";
			/** Ids of authorities to be trusted beside the one that signs. */
			readonly alsoTrusted: readonly string[];
			readonly reason: string;
			readonly repair: boolean;
	  };

/** What has to be done next; undefined where nothing has. `repair` tells mending from what comes with time. */
export function nextLinkCertificateStep(state: LinkCertificateState, now: Date): LinkCertificateStep | undefined {
	const { authority, published } = state;
	if (!authority.usable) return { kind: "MakeAuthority", reason: authority.problem, repair: authority.broken };
	if (isDue(authority, now)) {
		return { kind: "MakeAuthority", reason: `it ends at ${authority.notAfter.toISOString()}`, repair: false };
	}

	const others = published.trusted.filter(({ id, notAfter }) => id !== authority.id && notAfter > now);
	const publish = (certificate: "New" | "Keep", reason: string, { repair = false, only = false } = {}) =>
		({
			kind: "Publish",
			certificate,
			alsoTrusted: only ? [] : others.map(({ id }) => id),
			reason,
			repair,
		}) as const;

	const { certificate } = published;
	if (!certificate.usable) return publish("New", certificate.problem, { repair: certificate.broken });
	const own = certificate.issuer === authority.id;
	if (own && isDue(certificate, now)) return publish("New", `it ends at ${certificate.notAfter.toISOString()}`);

	const since = published.since && published.since <= now ? published.since : undefined;
	const known = since && published.trusted.some(({ id }) => id === authority.id);
	const out = known ? since.getTime() + distribution : now.getTime() + distribution;
	if (!own && certificate.notAfter.getTime() <= out) {
		return publish("New", `it ends at ${certificate.notAfter.toISOString()}, and its authority signs no more`);
	}
	if (!published.tidy)
		return publish("Keep", "ca.crt holds something else than the trusted authorities", { repair: true });
	if (!since) return publish("Keep", "it is not known since when it has been out", { repair: true });
	if (!known) return publish("Keep", "a new authority is to be trusted before it signs", { repair: own });
	if (out > now.getTime()) {
		return others.length + 1 < published.trusted.length ? publish("Keep", "an authority has expired") : undefined;
	}
	if (!own) return publish("New", "a new authority has been trusted for long enough to sign");
	const [before] = published.trusted.filter(({ id }) => id !== authority.id);
	return before && publish("Keep", "no certificate of the authority before is in use any more", { only: true });
}

function isDue({ notBefore, notAfter }: { readonly notBefore: Date; readonly notAfter: Date }, now: Date): boolean {
	return now.getTime() >= notBefore.getTime() + (notAfter.getTime() - notBefore.getTime()) * renewAfter;
}
