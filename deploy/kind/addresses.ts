import { z } from "zod";
import { keyOf } from "../lib/cache.ts";
import { output, run, succeeds } from "../lib/commands.ts";
import { RemedyError } from "../lib/steps.ts";
import { inNamespaces, type RunningNamespaces } from "./namespaces.ts";

/** How many clusters can have a network at once: 198.18.0.0/24 to 198.18.31.0/24 (RFC 2544: not routed anywhere). */
const NETWORKS = 32;

/** The addresses of a cluster's network: one IPv4 subnet in which this machine, the nodes and LoadBalancers are neighbours. */
export interface ClusterNetwork {
	readonly subnet: string;
	/** The engine's bridge. */
	readonly gateway: string;
	/** What nodes get. */
	readonly nodeRange: string;
	/** What LoadBalancer Services get, as MetalLB writes a range. */
	readonly loadBalancerRange: string;
	/** This machine's address in the network. */
	readonly host: string;
}

/** The network with a number from 0 to 31. Pure. */
export function clusterNetwork(number: number): ClusterNetwork {
	const prefix = `198.18.${number}`;
	return {
		subnet: `${prefix}.0/24`,
		gateway: `${prefix}.1`,
		nodeRange: `${prefix}.0/26`,
		loadBalancerRange: `${prefix}.128-${prefix}.250`,
		host: `${prefix}.254`,
	};
}

const routesShape = z.array(z.object({ dst: z.string() }));

/** The first network that overlaps no route (destinations as `ip -json route` gives them). Pure. */
export function freeNetwork(routes: z.infer<typeof routesShape>): ClusterNetwork | undefined {
	const taken = routes.map(({ dst }) => range(dst)).filter((item) => item !== undefined);
	for (let number = 0; number < NETWORKS; number++) {
		const network = clusterNetwork(number);
		const wanted = range(network.subnet);
		if (wanted && !taken.some(([first, last]) => first <= wanted[1] && wanted[0] <= last)) return network;
	}
	return undefined;
}

/** First and last address of an IPv4 destination as numbers; undefined for `default`, IPv6 and other words. */
function range(destination: string): [number, number] | undefined {
	const match = /^(\d+)\.(\d+)\.(\d+)\.(\d+)(?:\/(\d+))?$/.exec(destination);
	if (!match) return undefined;
	const [a = 0, b = 0, c = 0, d = 0, length = 32] = match.slice(1).map((digits) => Number(digits ?? 32));
	// A default route written as 0.0.0.0/0 is no claim on any address.
	if (length === 0) return undefined;
	const size = 2 ** (32 - length);
	const address = ((a * 256 + b) * 256 + c) * 256 + d;
	const first = address - (address % size);
	return [first, first + size - 1];
}

/** The name of the network interface on this machine that leads to a cluster (Linux allows 15 characters). */
export function hostInterface({ cgroup }: { readonly cgroup: string }): string {
	return `xf-${keyOf(cgroup)}`;
}

/**
 * Chooses a network and connects this machine with the namespaces: a pair of interfaces, one here with the network's
 * host address, one (`uplink`) in there. The pair goes away with the namespaces. Call it under a lock of the machine.
 */
export async function connectHost(
	namespaces: RunningNamespaces,
	signal: AbortSignal | undefined,
): Promise<ClusterNetwork> {
	const listed = await output(["ip", "-json", "-4", "route", "show", "table", "all"], { signal });
	const routes = routesShape.parse(JSON.parse(listed));
	const network = freeNetwork(routes);
	if (!network) {
		throw new RemedyError(
			"no free network for the cluster: all of 198.18.0.0/24 to 198.18.31.0/24 overlap this machine's routes.",
			"see `ip route`, and remove clusters that are no longer wanted: npm run cluster -- down --name NAME",
		);
	}
	const name = hostInterface(namespaces);
	const { init } = namespaces;
	const add = ["ip", "link", "add", name, "type", "veth", "peer", "name", "uplink", "netns", String(init)];
	await run(add, { signal });
	await run(["ip", "address", "add", `${network.host}/24`, "dev", name], { signal });
	await run(["ip", "link", "set", name, "up"], { signal });
	return network;
}

/** Makes this machine a neighbour of the nodes: puts `uplink` into the engine's bridge, which exists once a container runs. */
export async function joinBridge(
	namespaces: RunningNamespaces,
	bridge: string,
	signal: AbortSignal | undefined,
): Promise<void> {
	await run(inNamespaces(namespaces, ["ip", "link", "set", "uplink", "up", "master", bridge]), { signal });
}

/** Removes this machine's end of the pair, where the kernel has not yet done so. */
export async function disconnectHost(cluster: { readonly cgroup: string }): Promise<void> {
	await succeeds(["ip", "link", "delete", hostInterface(cluster)]);
}
