import { federation, federations } from "../operator-support.ts";
import { freshNamespace, testClient } from "../support.ts";
import { playNodes, type Scene } from "./scene.ts";

/** A federation whose nodes do not say which dialback secrets they accept. */
export async function certificates(): Promise<Scene> {
	const client = testClient();
	const namespace = await freshNamespace(client);
	await playNodes(client, namespace);
	await client.create(federations, federation(namespace, "example"));
	return { namespace };
}
