import { afterAll, beforeAll, inject } from "vitest";
import type { ClientAddresses } from "../../../deploy/demo/conversation.ts";
import type { ImageNames } from "../../../deploy/demo/images.ts";
import { Kubectl } from "../../../deploy/demo/kubectl.ts";
import { type Scene, type SceneOptions, sceneNamed } from "../../../deploy/demo/scene.ts";
import { type Announce, makeNamespace, setScene, strikeScene } from "../../../deploy/demo/stage.ts";
import { findCluster } from "../../../deploy/kind/cluster.ts";

/** What the global set-up of the cluster tests hands to every test file. */
export interface ClusterEnvironment {
	readonly clusterName: string;
	readonly images: ImageNames;
}

declare module "vitest" {
	interface ProvidedContext {
		readonly cluster: ClusterEnvironment;
	}
}

/** kubectl for the tests' cluster, whose operator runs. */
export async function connect(): Promise<Kubectl> {
	const { clusterName } = inject("cluster");
	const cluster = await findCluster({ name: clusterName });
	if (!cluster) throw new Error(`cluster ${clusterName} is gone; its global set-up had made it`);
	return new Kubectl(cluster);
}

export function images(): ImageNames {
	return inject("cluster").images;
}

/** A namespace of one test file, which enforces the restricted Pod Security Standard. */
export function useNamespace(name: string): { readonly namespace: string; readonly kubectl: Kubectl } {
	let kubectl: Kubectl | undefined;
	beforeAll(async () => {
		kubectl = await connect();
		await kubectl.delete("namespace", name);
		await makeNamespace(kubectl, name);
	});
	afterAll(async () => await kubectl?.delete("namespace", name, undefined, "--wait=false"));
	return {
		namespace: name,
		get kubectl() {
			return started(kubectl);
		},
	};
}

/** A scene of one test file: the demo's federation and servers under names of their own. */
export function useScene(
	name: string,
	options?: SceneOptions,
): {
	readonly scene: Scene;
	readonly kubectl: Kubectl;
	readonly addresses: ClientAddresses;
} {
	const scene = sceneNamed(name, options);
	let kubectl: Kubectl | undefined;
	let addresses: ClientAddresses | undefined;
	beforeAll(async () => {
		kubectl = await connect();
		addresses = await setScene(kubectl, scene, images(), quietly);
	});
	afterAll(async () => kubectl && (await strikeScene(kubectl, scene, "--wait=false")));
	return {
		scene,
		get kubectl() {
			return started(kubectl);
		},
		get addresses() {
			return started(addresses);
		},
	};
}

const quietly: Announce = (_title, work) => work();

function started<T>(part: T | undefined): T {
	if (part === undefined) throw new Error("this is there only while tests run");
	return part;
}
