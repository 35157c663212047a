import { join } from "node:path";
import { cacheDirectory, keyOf } from "../lib/cache.ts";
import { RemedyError } from "../lib/steps.ts";
import type { Namespaces } from "./namespaces.ts";

/** The cluster that is meant where no name is given. */
export const DEFAULT_NAME = "xmppfed";

/** Where a cluster's files are. They go away with the cluster. */
export interface ClusterFiles {
	readonly directory: string;
	readonly kubeconfig: string;
	/** What runs the cluster and whether it is complete; JSON, see clusters.ts. */
	readonly record: string;
	readonly log: string;
	/** The cluster's own engine, where it has one. */
	readonly namespaces: Namespaces;
}

/** @throws {RemedyError} where the name is not one that kind and Kubernetes allow. */
export function clusterFiles(name: string): ClusterFiles {
	// Node names are NAME-control-plane, and a label of a host name has at most 63 characters.
	if (!/^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$/.test(name)) {
		throw new RemedyError(
			`"${name}" is no name for a cluster.`,
			"use up to 40 lower-case letters, digits and dashes, and no dash at the ends.",
		);
	}
	const directory = join(cacheDirectory(), "clusters", name);
	return {
		directory,
		kubeconfig: join(directory, "kubeconfig"),
		record: join(directory, "cluster.json"),
		log: join(cacheDirectory(), "logs", `cluster-${name}.log`),
		// Two caches on one machine may each have a cluster of one name.
		namespaces: { cgroup: `xmppfed-${name}-${keyOf(cacheDirectory())}`, directory: join(directory, "engine") },
	};
}
