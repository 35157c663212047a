import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildOperator, operatorContext } from "../build.ts";
import { buildImage, type Cluster, clusterLoad } from "../kind/cluster.ts";
import { contextKey } from "../kind/images.ts";
import { cacheDirectory } from "../lib/cache.ts";
import { withLock } from "../lib/lock.ts";

/** Names with tags of the images that were built from this checkout, and that the operator's chart names. */
export interface OperatorImages {
	readonly operator: string;
	readonly gateway: string;
}

export interface ImageNames extends OperatorImages {
	readonly xmppServer: string;
}

const contexts = {
	operator: { name: "localhost/xmpp-federation-operator", context: operatorContext },
	gateway: {
		name: "localhost/xmpp-federation-gateway",
		context: fileURLToPath(new URL("../gateway", import.meta.url)),
	},
	xmppServer: {
		name: "localhost/xmppfed-demo-xmpp-server",
		context: fileURLToPath(new URL("xmpp-server", import.meta.url)),
	},
} as const;

/**
 * Builds the images of this checkout and puts them onto the cluster's nodes. Tags come from what the images are made of, so
 * that pods of changed images are new pods, and those of unchanged ones stay.
 */
export async function provideImages(cluster: Cluster, signal?: AbortSignal): Promise<ImageNames> {
	const images = await provideOperatorImages(cluster, signal);
	return { ...images, xmppServer: await provide("xmppServer", cluster, signal) };
}

/** Those of {@link provideImages} that an installation needs. */
export async function provideOperatorImages(cluster: Cluster, signal?: AbortSignal): Promise<OperatorImages> {
	// Two runs at once must not write the operator's files while one of them reads them.
	const operator = await withLock(join(cacheDirectory(), "locks", "operator-image"), signal, async () => {
		await buildOperator();
		return await provide("operator", cluster, signal);
	});
	return { operator, gateway: await provide("gateway", cluster, signal) };
}

async function provide(image: keyof typeof contexts, cluster: Cluster, signal: AbortSignal | undefined) {
	return await provideImage(contexts[image], cluster, signal);
}

/** Builds one image and puts it onto the cluster's nodes. @returns its name with a tag that comes from its context */
export async function provideImage(
	{ name, context }: { readonly name: string; readonly context: string },
	cluster: Cluster,
	signal: AbortSignal | undefined,
): Promise<string> {
	const tag = `${name}:dev-${await contextKey(context)}`;
	await clusterLoad(cluster, [await buildImage({ context, tag }, { signal })], { signal });
	return tag;
}
