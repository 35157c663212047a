import { readFile } from "node:fs/promises";
import { parse } from "yaml";
import type { KubernetesClient } from "../../src/kubernetes/client.ts";
import { dnsEndpointCrd, dnsEndpointCrdFile } from "../lib/external-dns.ts";
import { customResourceDefinitions, established } from "./crds.ts";

/** Installs external-dns's own definition of DNSEndpoint. */
export async function installDnsEndpointCrd(client: KubernetesClient): Promise<void> {
	const definition = parse(await readFile(await dnsEndpointCrdFile(), "utf8"));
	await client.apply(customResourceDefinitions, definition, { force: true });
	await established(client, dnsEndpointCrd);
}

export async function removeDnsEndpointCrd(client: KubernetesClient): Promise<void> {
	await client.delete(customResourceDefinitions, undefined, dnsEndpointCrd);
}
