import { chatNodeAliasResource } from "../../../src/api/chat-node-alias.ts";
import { aliasServiceName } from "../../../src/model/names.ts";
import { giveAddress } from "../played-load-balancer.ts";
import { freshNamespace, testClient } from "../support.ts";
import { block, createShown, type Pages, published, type Scene } from "./scene.ts";

/** The aliases of the page; the file moves one of them. */
export async function aliases(pages: Pages): Promise<Scene> {
	const client = testClient();
	const namespace = await freshNamespace(client);
	const shown = block(pages, "docs/aliases.md", "kind: ChatNodeAlias");
	await createShown(client, namespace, chatNodeAliasResource, shown);
	const nodes = [
		{ name: "gw-1", federation: "Enabled" },
		{ name: "gw-2", federation: "Enabled" },
		{ name: "inside", federation: "Disabled" },
	];
	await published(client, namespace, { nodes });
	await giveAddress(client, namespace, aliasServiceName("example", "conference-2"), "10.0.0.12");
	return { namespace, files: { "aliases.yaml": shown.replace("node: inside", "node: gw-2") } };
}
