import { cacheDirectory } from "../lib/cache.ts";
import { type CommandResult, run } from "../lib/commands.ts";
import { withLock } from "../lib/lock.ts";
import { ensurePackages } from "../lib/packages.ts";
import { type ClusterNetwork, connectHost, disconnectHost, joinBridge } from "./addresses.ts";
import { requireRoot } from "./engine.ts";
import {
	endNamespaces,
	findNamespaces,
	inNamespaces,
	type Namespaces,
	type NewNamespaces,
	startNamespaces,
} from "./namespaces.ts";

/** Debian packages of the engine that clusters get where the machine has none that can be used. */
export const enginePackages = [
	"podman",
	"netavark",
	"aardvark-dns",
	"catatonit",
	"runc",
	"conmon",
	"iptables",
	"iproute2",
	"util-linux",
] as const;

/** The network of podman that kind puts nodes into, and its bridge: podman numbers bridges, and this one is the first. */
const NETWORK = "kind";

/** Podman in namespaces of its own, with this machine as a neighbour of its containers. */
export interface OwnEngine {
	readonly namespaces: NewNamespaces;
	readonly network: ClusterNetwork;
}

/** Starts an engine that reads images from `imageStore` too. What an earlier engine of these namespaces left is removed. */
export async function startOwnEngine(
	wanted: Namespaces,
	imageStore: string,
	signal: AbortSignal | undefined,
): Promise<OwnEngine> {
	await requireRoot(signal);
	await ensurePackages(enginePackages, { signal });
	await stopOwnEngine(wanted);
	try {
		const namespaces = await startNamespaces(wanted, [imageStore], signal);
		// Two clusters that start at once must not choose the same addresses.
		const network = await withLock(`${cacheDirectory()}/locks/networks`, signal, () => connectHost(namespaces, signal));
		const { subnet, gateway, nodeRange } = network;
		const addresses = ["--subnet", subnet, "--gateway", gateway, "--ip-range", nodeRange];
		await run(inNamespaces(namespaces, ["podman", "network", "create", ...addresses, NETWORK]), { signal });
		return { namespaces, network };
	} catch (error) {
		await stopOwnEngine(wanted);
		throw error;
	}
}

/** Makes the containers of the engine reachable from this machine; they must run by now. */
export async function connectContainers({ namespaces }: OwnEngine, signal: AbortSignal | undefined): Promise<void> {
	const inspect = ["podman", "network", "inspect", "--format", "{{.NetworkInterface}}", NETWORK];
	const { stdout }: CommandResult = await run(inNamespaces(namespaces, inspect), { signal });
	await joinBridge(namespaces, stdout.trim(), signal);
}

/** Ends the engine with all its containers, and removes everything it made. */
export async function stopOwnEngine(wanted: Namespaces): Promise<void> {
	await endNamespaces(wanted);
	await disconnectHost(wanted);
}

/** The engine's namespaces if it runs. */
export const findOwnEngine = findNamespaces;
