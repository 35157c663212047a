import { parse } from "yaml";
import { dnsAsker } from "../../../src/dns/asker.ts";
import { nodeServiceName } from "../../../src/model/names.ts";
import { shownCommands } from "../../lib/shown-commands.ts";
import { startNameServer } from "../name-server.ts";
import { giveAddress } from "../played-load-balancer.ts";
import { freshNamespace, testClient } from "../support.ts";
import { block, type Pages, published, type Scene } from "./scene.ts";

/**
 * One of two nodes has an address of its own. What `dns show` says is published, with the address that the firewall has
 * for the private one, as docs/dns.md asks for; for a while with a wrong one for the node.
 */
export async function edge(pages: Pages): Promise<Scene> {
	const client = testClient();
	const namespace = await freshNamespace(client);
	const { nodes: second }: { nodes: readonly { readonly name: string }[] } = parse(
		block(pages, "docs/dns.md", "publicAddress:"),
	);
	const nodes = [{ name: "gw-1", federation: "Enabled" }, ...second];
	const server = await startNameServer("example.com");
	const spec = { nodes, additionalDomains: ["conference.example.com"] };
	await published(client, namespace, spec, { askDns: dnsAsker([server.address]) });
	await giveAddress(client, namespace, nodeServiceName("example", "gw-2"), "10.0.0.11");
	const [shown] = shownCommands({ line: 0, language: "", text: block(pages, "docs/dns.md", "-o zone") });
	const zone = shown?.printed.replaceAll("10.0.0.10", "192.0.2.5") ?? "";
	const [address = "", port = ""] = server.address.split(":");
	const names = [
		[`-port=${port} `, ""],
		[address, "192.0.2.53"],
		// In names of firewalls
		[namespace.toUpperCase(), "CHAT"],
		[namespace.replaceAll("-", "_"), "chat"],
	] as const;
	return {
		namespace,
		toRun: (command) => command.replaceAll("192.0.2.53", server.address),
		toShow: (printed) => names.reduce((text, [here, there]) => text.replaceAll(here, there), printed),
		before: async (printed) => {
			if (printed.includes("it should be")) await server.publish(zone.replace(/(?<=^xmpp-2.* A ).*$/m, "192.0.2.99"));
			if (printed.includes("can be found")) await server.publish(zone);
		},
	};
}
