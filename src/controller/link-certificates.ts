import type { Logger } from "pino";
import { type Observed, objectKey } from "../kubernetes/object.ts";
import type { Secret } from "../kubernetes/resources.ts";
import { type LinkCertificateStep, nextLinkCertificateStep } from "../model/link-certificate-renewal.ts";
import {
	inspectLinkCertificates,
	type LinkCertificateTexts,
	pickCertificates,
} from "../model/link-certificate-state.ts";
import { linkAuthoritySecretName, linkCertificateSecretName, linkTlsName } from "../model/names.ts";
import { writtenAtAnnotation } from "../objects/annotations.ts";
import { linkAuthoritySecret, linkCertificateSecret, type Owner } from "../objects/link-secrets.ts";
import type { Caches } from "./caches.ts";
import { inBase64, type PemPair } from "./certificate-pair.ts";
import type { FederationWriter } from "./federation-writer.ts";
import { makeLinkAuthority, makeLinkCertificate } from "./make-link-certificates.ts";

interface Sources {
	readonly caches: Caches;
	readonly now: () => Date;
}

/** A new authority and what it signs are two; a third comes where a Secret turns out to be another than the cache has. */
const mostSteps = 4;

/**
 * Secrets in which there was nothing to do, and when: to look at signatures takes longer than all the rest of a reconcile
 * that changes nothing, and what time does to certificates is a matter of days.
 */
const settled = new WeakMap<Secret, { readonly authority: Secret; readonly at: number }>();
/** Milliseconds. */
const settledFor = 60_000;

function isSettled(authority: Secret | undefined, published: Secret | undefined, now: Date): boolean {
	const last = published && settled.get(published);
	return last !== undefined && last.authority === authority && Math.abs(now.getTime() - last.at) < settledFor;
}

/**
 * Makes and renews what the links of a federation are secured with (`link-certificate-renewal.ts`). Restarts nothing.
 *
 * @returns whether pods can be made: the Secret that they mount is there. The writer has the obstacles.
 */
export async function ensureLinkCertificates(
	federation: Owner,
	{ caches, now }: Sources,
	writer: FederationWriter,
	log: Logger,
): Promise<boolean> {
	const { namespace, name } = federation;
	const cached = (secretName: string) => {
		const secret = caches.secrets.store.get(objectKey(namespace, secretName));
		return secret && writer.owns(secret) ? secret : undefined;
	};
	let authority = cached(linkAuthoritySecretName(name));
	let published = cached(linkCertificateSecretName(name));
	const tlsName = linkTlsName(name, namespace);

	if (isSettled(authority, published, now())) return true;
	for (let count = 0; count < mostSteps; count++) {
		const texts = { authority: pairOf(authority), published: publishedTexts(published) };
		const step = nextLinkCertificateStep(inspectLinkCertificates(texts, tlsName, now()), now());
		if (!step) {
			if (authority && published) settled.set(published, { authority, at: now().getTime() });
			return true;
		}
		// One of two that belong together is missing: somebody deleted it.
		const lost = count === 0 && (authority === undefined) !== (published === undefined);
		tell(step, step.repair || lost ? "warn" : "info", log);
		const written =
			step.kind === "MakeAuthority"
				? await write(authority, linkAuthoritySecret(federation, inBase64(await makeLinkAuthority(now()))), writer)
				: await write(
						published,
						linkCertificateSecret(federation, ...(await publication(step, texts, tlsName, now())), now()),
						writer,
					);
		if (!written) break;
		if (step.kind === "MakeAuthority") authority = written;
		else published = written;
	}
	return published !== undefined;
}

/** The certificate (base64) and the authorities (PEM) to publish. */
async function publication(
	step: Extract<LinkCertificateStep, { kind: "Publish" }>,
	{ authority, published }: LinkCertificateTexts,
	tlsName: string,
	now: Date,
): Promise<[PemPair, string[]]> {
	const { certificate = "", key = "" } = authority ?? {};
	const pair =
		step.certificate === "New"
			? await makeLinkCertificate({ certificate, key }, tlsName, now)
			: { certificate: published?.certificate ?? "", key: published?.key ?? "" };
	return [inBase64(pair), [certificate, ...pickCertificates(published?.trusted ?? "", step.alsoTrusted)]];
}

/** A new Secret never replaces one that the cache has not seen yet: that one is given back, and counts. */
async function write(
	present: Observed<Secret> | undefined,
	wanted: Secret,
	writer: FederationWriter,
): Promise<Observed<Secret> | undefined> {
	return present ? await writer.applySecret(wanted) : await writer.createSecret(wanted);
}

function pairOf(secret: Secret | undefined) {
	return secret && { certificate: text(secret, "tls.crt"), key: text(secret, "tls.key") };
}

function publishedTexts(secret: Secret | undefined): LinkCertificateTexts["published"] {
	return (
		secret && {
			...pairOf(secret),
			trusted: text(secret, "ca.crt"),
			since: secret.metadata.annotations?.[writtenAtAnnotation],
		}
	);
}

function text({ data }: Secret, key: string): string {
	return Buffer.from(data?.[key] ?? "", "base64").toString("utf8");
}

function tell(step: LinkCertificateStep, level: "info" | "warn", log: Logger): void {
	const what =
		step.kind === "MakeAuthority"
			? "making a new authority for the links"
			: step.certificate === "New"
				? "making a new link certificate"
				: "writing the authorities that links trust";
	log[level]({ reason: step.reason }, what);
}
