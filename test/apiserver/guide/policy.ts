import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { root } from "../../../deploy/generate.ts";
import { federationPolicyResource } from "../../../src/api/federation-policy.ts";
import { federation, federations } from "../operator-support.ts";
import { freshNamespace, testClient } from "../support.ts";
import { block, createShown, type Pages, playNodes, type Scene } from "./scene.ts";

/** The policy of the page is in force at both nodes; the file is the sample. */
export async function policy(pages: Pages): Promise<Scene> {
	const client = testClient();
	const namespace = await freshNamespace(client);
	await playNodes(client, namespace);
	await client.create(federations, federation(namespace, "example"));
	const shown = block(pages, "docs/policy.md", "kind: FederationPolicy");
	await createShown(client, namespace, federationPolicyResource, shown);
	return { namespace, files: { "policy.yaml": await readFile(join(root, "deploy/samples/policy.yaml"), "utf8") } };
}
