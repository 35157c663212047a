import { stringify } from "yaml";
import type { KubernetesClient } from "../../../src/kubernetes/client.ts";
import { secrets } from "../../../src/kubernetes/resources.ts";
import { publicServiceName } from "../../../src/model/names.ts";
import { issue } from "../../lib/issued-certificates.ts";
import { base64 } from "../../unit/fixtures/federation.ts";
import { federation, federations, startOperator } from "../operator-support.ts";
import { playCluster } from "../played-cluster.ts";
import { giveAddress } from "../played-load-balancer.ts";
import { freshNamespace, testClient } from "../support.ts";
import { block, type Pages, type Scene } from "./scene.ts";

const nodes = [
	{ name: "gw-1", federation: "Enabled" },
	{ name: "gw-2", federation: "Enabled" },
	{ name: "inside", federation: "Disabled" },
];
const allEnabled = nodes.map(({ name }) => ({ name, federation: "Enabled" }));
const spec = { nodes, service: { hostname: "xmpp.example.com" } };
const live = { nodes, rollout: { strategy: "Live" } };
const liveName = "example-full";

/** Files change one field each. One federation applies changes live, and is there for the plan of that only. */
export async function kubectl(pages: Pages): Promise<Scene> {
	const client = testClient();
	const namespace = await freshNamespace(client);
	const starting = new Set<string>();
	playCluster(client, namespace, starting);
	startOperator(namespace);
	await client.create(federations, federation(namespace, "example", spec));
	await giveAddress(client, namespace, publicServiceName("example"), "10.0.0.10");
	const changed = (change: object) => stringify(federation(namespace, "example", { ...spec, ...change }));
	const [, requested = ""] = /last asked for: (\S+)/.exec(block(pages, "docs/kubectl.md", "last asked for")) ?? [];
	return {
		namespace,
		files: {
			"upstream.yaml": changed({ upstream: { host: "xmpp-new.chat.svc" } }),
			"enable.yaml": changed({ nodes: allEnabled }),
			"hostname.yaml": changed({ service: { hostname: "chat.example.com" } }),
			"self-signed.yaml": stringify(federation(namespace, liveName, live)),
		},
		before: async (printed) => {
			if (printed.includes("applied live")) await makeLive(client, namespace);
			if (printed.startsWith("NAME ")) await client.delete(federations, namespace, liveName);
			if (printed.startsWith("Federation:")) {
				starting.add("gw-1");
				const annotate = async (annotations: Record<string, string | null>, more = {}) =>
					await client.mergePatch(federations, namespace, "example", { metadata: { annotations }, ...more });
				await annotate({ "xmppfed.dev/paused": "true" });
				await annotate({ "xmppfed.dev/restart": requested }, { spec: { nodes: allEnabled } });
				await annotate({ "xmppfed.dev/paused": null });
			}
		},
	};
}

/** With a certificate of its own. */
async function makeLive(client: KubernetesClient, namespace: string): Promise<void> {
	const metadata = { name: "example-com-tls", namespace };
	const { certificate, key } = await issue({ names: ["example.com"] });
	const data = { "tls.crt": base64(certificate), "tls.key": base64(key) };
	await client.create(secrets, { apiVersion: "v1", kind: "Secret", metadata, type: "kubernetes.io/tls", data });
	const security = { certificate: { secretName: metadata.name } };
	// As from a file: what a later file leaves out is taken out.
	const applied = client.with({ fieldManager: "kubectl" });
	await applied.apply(federations, federation(namespace, liveName, { ...live, security }), { force: false });
}
