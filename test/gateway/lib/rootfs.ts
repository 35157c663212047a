import { mkdir } from "node:fs/promises";
import { cached, keyOf } from "../../../deploy/lib/cache.ts";
import { run } from "../../../deploy/lib/commands.ts";
import { ensureRootfs } from "../../../deploy/toolchain/rootfs.ts";

/** One root file system for the gateway and for the servers that it talks to. */
const packages = [
	"ca-certificates",
	"ejabberd",
	"iproute2",
	"jabberd2",
	"lua-unbound",
	"lua5.4",
	"mount",
	"openssl",
	"prosody",
	"util-linux",
];

/** A directory with the extracted root file system, from the cache. Nothing may write to it. @param more packages */
export async function extractedRootfs(more: readonly string[] = []): Promise<string> {
	const archive = await ensureRootfs({ suite: "trixie", packages: [...packages, ...more] });
	return await cached("gateway-test-root", keyOf(archive), async (directory) => {
		await mkdir(directory, { recursive: true });
		await run([
			"tar",
			"--extract",
			"--preserve-permissions",
			"--numeric-owner",
			"--file",
			archive,
			"--directory",
			directory,
		]);
	});
}
