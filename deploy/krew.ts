import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { parseArgs } from "node:util";
import { stringify } from "yaml";
import { version } from "../src/version.ts";

export interface PluginArchive {
	/** Where it can be downloaded. */
	readonly url: string;
	/** Hexadecimal. */
	readonly sha256: string;
}

/**
 * What Krew installs the plugin by. One archive for all: the plugin is a script of Node, which must be there. There is none
 * for Windows, where scripts do not start by their first line.
 */
export function krewManifest({ url, sha256 }: PluginArchive): string {
	const name = "kubectl-xmppfed";
	return stringify(
		{
			apiVersion: "krew.googlecontainertools.github.com/v1alpha2",
			kind: "Plugin",
			metadata: { name: "xmppfed" },
			spec: {
				version: `v${version}`,
				shortDescription: "Show and steer XMPP federations",
				description:
					"Shows what a change of an XMPP federation restarts before it is made, how federations and their streams\n" +
					"with peers are, which DNS records are missing, and what firewalls have to let through.\n",
				caveats: "Node 22.19 or newer must be on the PATH.\n",
				platforms: ["linux", "darwin"].map((os) => ({
					selector: { matchLabels: { os } },
					uri: url,
					sha256,
					bin: name,
					files: [
						{ from: name, to: "." },
						{ from: "LICENSE", to: "." },
					],
				})),
			},
		},
		{ lineWidth: 0 },
	);
}

if (import.meta.main) {
	const { values } = parseArgs({ options: { archive: { type: "string" }, download: { type: "string" } } });
	const { archive, download } = values;
	if (archive === undefined || download === undefined) throw new Error("usage: krew.ts --archive FILE --download URL");
	const sha256 = createHash("sha256")
		.update(await readFile(archive))
		.digest("hex");
	process.stdout.write(krewManifest({ url: `${download}/${basename(archive)}`, sha256 }));
}
