import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parse } from "yaml";
import { toolSource } from "../../deploy/toolchain/tools.ts";
import type { KubernetesClient } from "../../src/kubernetes/client.ts";
import { customResourceDefinitions, established } from "./crds.ts";

const name = "dnsendpoints.externaldns.k8s.io";

/** Installs external-dns's own definition of DNSEndpoint. */
export async function installDnsEndpointCrd(client: KubernetesClient): Promise<void> {
	const file = join(await toolSource("external-dns"), "config/crd/standard", `${name}.yaml`);
	await client.apply(customResourceDefinitions, parse(await readFile(file, "utf8")), { force: true });
	await established(client, name);
}

export async function removeDnsEndpointCrd(client: KubernetesClient): Promise<void> {
	await client.delete(customResourceDefinitions, undefined, name);
}
