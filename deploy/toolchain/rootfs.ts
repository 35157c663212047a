import { join } from "node:path";
import { cached, keyOf, newLog } from "../lib/cache.ts";
import { run } from "../lib/commands.ts";
import { ensurePackages } from "../lib/packages.ts";
import { step } from "../lib/steps.ts";

export interface Rootfs {
	/** A Debian release by code name, such as `trixie`. */
	readonly suite: string;
	/** Packages beside the essential ones; dependencies come along, recommended ones do not. */
	readonly packages: readonly string[];
}

/**
 * The path of a tar archive with the root file system of a minimal Debian, made by mmdebstrap where the cache does not
 * have it (15 to 40 s). It has no documentation and no package lists. The versions in it are those of the
 * day it was made: the cache keeps it until the list of packages changes.
 */
export async function ensureRootfs(
	wanted: Rootfs,
	options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<string> {
	const { signal } = options;
	const packages = [...new Set(wanted.packages)].toSorted();
	const args = ["--variant=minbase", `--include=${packages.join(",")}`, ...withoutDocumentation];
	const key = `${wanted.suite}-${process.arch}-${keyOf(...args)}`;
	const directory = await cached(
		"rootfs",
		key,
		async (partial) => {
			await ensurePackages(["mmdebstrap", "debian-archive-keyring", "ca-certificates"], { signal });
			const title = `making a Debian ${wanted.suite} root file system ${describe(packages)}`;
			await step(title, async () => {
				const command = ["mmdebstrap", ...args, wanted.suite, join(partial, "rootfs.tar")];
				await run(command, { log: await newLog(`rootfs-${key}`), signal });
			});
		},
		{ signal },
	);
	return join(directory, "rootfs.tar");
}

const withoutDocumentation = ["doc", "man", "info", "locale", "lintian"].map(
	(name) => `--dpkgopt=path-exclude=/usr/share/${name}/*`,
);

function describe(packages: readonly string[]): string {
	if (packages.length > 4) return `with ${packages.length} packages and what they need`;
	return packages.length > 0 ? `with ${packages.join(", ")}` : "of the essential packages";
}
