import { condition, federation, federations } from "../operator-support.ts";
import { eventually, freshNamespace, testClient } from "../support.ts";
import { playNodes, type Scene } from "./scene.ts";

/** A federation whose nodes do not say which dialback secrets they accept. */
export async function certificates(): Promise<Scene> {
	const client = testClient();
	const namespace = await freshNamespace(client);
	await playNodes(client, namespace);
	await client.create(federations, federation(namespace, "example"));
	// Before there is a secret, there is none to replace.
	const progressing = async () => (await condition(client, namespace, "example", "Progressing"))?.text;
	await eventually(async () => (await progressing()) === "False Complete", "the federation to be up");
	return { namespace };
}
