import { chown, mkdir, rename, symlink, writeFile } from "node:fs/promises";
import { makeLinkAuthority, makeLinkCertificate } from "../../../src/controller/make-link-certificates.ts";
import type { Machine } from "./machine.ts";

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

/** Writes the files as the kubelet does: into a directory of their own, then one symbolic link is swapped. */
export async function mountLinkFiles(
	machine: Machine,
	directory: string,
	files: LinkFiles,
	owner: number,
): Promise<void> {
	const at = (name: string) => machine.path(`${directory}/${name}`);
	const revision = `..${process.hrtime.bigint()}`;
	await mkdir(at(revision), { recursive: true });
	const contents = { "tls.crt": files.certificate, "tls.key": files.key, "ca.crt": files.trusted };
	for (const [name, text] of Object.entries(contents)) {
		await writeFile(at(`${revision}/${name}`), text, { mode: 0o440 });
		await chown(at(`${revision}/${name}`), 0, owner);
		await symlink(`..data/${name}`, at(name)).catch((error: NodeJS.ErrnoException) => {
			if (error.code !== "EEXIST") throw error;
		});
	}
	await symlink(revision, at("..data_tmp"));
	await rename(at("..data_tmp"), at("..data"));
}
