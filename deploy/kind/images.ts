import { createReadStream } from "node:fs";
import { run } from "../lib/commands.ts";
import type { Cluster } from "./clusters.ts";

/** Puts the images of a docker archive onto a node, where pods find them by name. The kubelet does not remove them. */
export async function importArchive(
	cluster: Cluster,
	node: string,
	archive: string,
	signal: AbortSignal | undefined,
): Promise<void> {
	const ctr = ["ctr", "--namespace=k8s.io", "images", "import", "--all-platforms", "--digests"];
	const options = ["--snapshotter=overlayfs", "--label=io.cri-containerd.pinned=pinned", "-"];
	await run(cluster.nodeCommand(node, [...ctr, ...options]), { input: createReadStream(archive), signal });
}
