import { cacheDirectory, exists } from "../lib/cache.ts";
import { CommandError, run, succeeds } from "../lib/commands.ts";
import { RemedyError } from "../lib/steps.ts";

/**
 * What runs the nodes: the machine's Docker or Podman with kind's published node image, or an engine of our own from
 * Debian packages, in namespaces of its own, with a node image built from sources.
 */
export type EngineKind = "docker" | "podman" | "own";

/** An image of the registry that a stock cluster is made from; only asked for, not pulled. */
const PROBED_IMAGE = "docker.io/kindest/node:latest";
/** Milliseconds in which the registry must answer. */
const PROBE_TIMEOUT = 15_000;

/**
 * The engine for new clusters and images: `$XMPPFED_ENGINE` where it is set; Docker or Podman where it runs and its image
 * registry answers; else our own.
 */
export async function chooseEngine(signal: AbortSignal | undefined): Promise<EngineKind> {
	const wanted = process.env.XMPPFED_ENGINE;
	if (wanted === "docker" || wanted === "podman" || wanted === "own") return wanted;
	if (wanted)
		throw new RemedyError(`XMPPFED_ENGINE is "${wanted}".`, "set it to docker, podman or own, or not at all.");
	if (await reachesRegistry("docker", signal)) return "docker";
	// Podman that only our own engine installed knows no registry; asking it would cost the time-out at every start.
	if (!(await ownEngineInUse()) && (await reachesRegistry("podman", signal))) return "podman";
	return "own";
}

async function reachesRegistry(program: "docker" | "podman", signal: AbortSignal | undefined): Promise<boolean> {
	if (!(await succeeds([program, "info"], { signal, timeout: PROBE_TIMEOUT }))) return false;
	return await succeeds([program, "manifest", "inspect", PROBED_IMAGE], { signal, timeout: PROBE_TIMEOUT });
}

async function ownEngineInUse(): Promise<boolean> {
	return await exists(`${cacheDirectory()}/node-image`);
}

/** @throws {RemedyError} where this process may not make namespaces. */
export async function requireRoot(signal: AbortSignal | undefined): Promise<void> {
	try {
		await run(["unshare", "--mount", "--net", "true"], { signal });
	} catch (error) {
		if (!(error instanceof CommandError)) throw error;
		throw new RemedyError(
			"there is no Docker or Podman with a reachable image registry here, and without root no engine of our own can run.",
			"run this as root, or start Docker, or use an existing cluster: --context NAME.",
			{ cause: error },
		);
	}
}
