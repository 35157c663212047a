import { request } from "undici";
import type { KubernetesObject } from "../../src/kubernetes/object.ts";

/** Makes etcd forget all versions before now. */
export async function compact(etcd: string): Promise<void> {
	const call = async (path: string, body: object) => {
		const response = await request(`${etcd}/v3/kv/${path}`, { method: "POST", body: JSON.stringify(body) });
		// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- etcd's JSON gateway
		return (await response.body.json()) as { header: { revision: string } };
	};
	const { header } = await call("range", { key: btoa("x") });
	await call("compaction", { revision: header.revision, physical: true });
}

/** Where the API server keeps the objects of a kind in etcd, by plural, where that is not its plural. */
const places: Readonly<Record<string, string>> = {
	services: "services/specs",
	chatnodealiases: "xmppfed.dev/chatnodealiases",
	xmppfederations: "xmppfed.dev/xmppfederations",
};

/**
 * Puts an object into etcd as it is, with uid, times, status and managed fields: the API server then has it as another
 * one once had it, which no request to it can bring about.
 */
export async function restore(etcd: string, plural: string, object: KubernetesObject): Promise<void> {
	const { namespace, name } = object.metadata;
	const key = btoa(`/registry/${places[plural] ?? plural}/${namespace}/${name}`);
	const body = JSON.stringify({ key, value: Buffer.from(JSON.stringify(object)).toString("base64") });
	const response = await request(`${etcd}/v3/kv/put`, { method: "POST", body });
	if (response.statusCode !== 200) throw new Error(`etcd did not take ${name}: ${await response.body.text()}`);
	await response.body.dump();
}
