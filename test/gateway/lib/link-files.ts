import { makeLinkAuthority, makeLinkCertificate } from "../../../src/controller/make-link-certificates.ts";
import type { Machine } from "./machine.ts";
import { mountFiles } from "./mounted-files.ts";

/** What the Secret of a federation's links holds, PEM. */
export interface LinkFiles {
	readonly certificate: string;
	readonly key: string;
	/** Certificates of the authorities. */
	readonly trusted: string;
}

/** The name that the test's gateway has in its link certificates. */
export const linkName = "links.federation.test.xmppfed.invalid";

export type LinkAuthority = Awaited<ReturnType<typeof makeLinkAuthority>>;

/** As the operator makes it. */
export async function newAuthority(now = new Date()): Promise<LinkAuthority> {
	return await makeLinkAuthority(now);
}

/** A certificate by the authority, as the operator makes it, and trust in that authority or in those that are given. */
export async function linkFiles(
	authority: LinkAuthority,
	{ name = linkName, now = new Date(), trusted = [authority] } = {},
): Promise<LinkFiles> {
	const pair = await makeLinkCertificate(authority, name, now);
	return { ...pair, trusted: trusted.map(({ certificate }) => certificate).join("") };
}

/** Mounts the files where the processes of a node look for them, also while these run. */
export async function mountLinkFiles(
	machine: Machine,
	directory: string,
	{ certificate, key, trusted }: LinkFiles,
	owner: number,
): Promise<void> {
	await mountFiles(machine, directory, { "tls.crt": certificate, "tls.key": key, "ca.crt": trusted }, owner);
}
