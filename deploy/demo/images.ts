import { fileURLToPath } from "node:url";
import { buildOperator, operatorContext } from "../build.ts";
import { buildImage, type Cluster, clusterLoad } from "../kind/cluster.ts";
import { contextKey } from "../kind/images.ts";

/** Names with tags of the images that were built from this checkout. */
export interface ImageNames {
	readonly operator: string;
	readonly gateway: string;
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
	await buildOperator();
	const provide = async (image: keyof typeof contexts) => {
		const { name, context } = contexts[image];
		const tag = `${name}:dev-${await contextKey(context)}`;
		await clusterLoad(cluster, [await buildImage({ context, tag }, { signal })], { signal });
		return tag;
	};
	return {
		operator: await provide("operator"),
		gateway: await provide("gateway"),
		xmppServer: await provide("xmppServer"),
	};
}
