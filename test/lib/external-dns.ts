import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import { root } from "../../deploy/generate.ts";
import { toolSource } from "../../deploy/toolchain/tools.ts";
import type { TsigKey } from "./bind.ts";

export const dnsEndpointCrd = "dnsendpoints.externaldns.k8s.io";

/** The file with external-dns's own definition of DNSEndpoint. */
export async function dnsEndpointCrdFile(): Promise<string> {
	return join(await toolSource("external-dns"), "config/crd/standard", `${dnsEndpointCrd}.yaml`);
}

/** What whoever installs external-dns fills in. */
export interface ExternalDnsSettings {
	/** Where the DNS server is. */
	readonly host: string;
	readonly port: number;
	readonly zone: string;
	readonly key: TsigKey;
	/** Seconds between two looks. */
	readonly interval: number;
}

/** The environment variable of the key's secret. */
export const tsigSecretVariable = "EXTERNAL_DNS_RFC2136_TSIG_SECRET";

export interface SampleObject {
	readonly apiVersion: string;
	readonly kind: string;
	readonly metadata: { readonly name: string; readonly namespace?: string };
	readonly stringData?: Readonly<Record<string, string>>;
	readonly spec?: PodTemplateOwner;
}

interface PodTemplateOwner {
	readonly template: {
		readonly spec: { readonly containers: readonly [{ readonly image: string; readonly args: readonly string[] }] };
	};
}

/** The objects of the sample that the guide gives, as they are there. */
async function sample(): Promise<readonly SampleObject[]> {
	const text = await readFile(join(root, "deploy/external-dns/rfc2136.yaml"), "utf8");
	return parseAllDocuments(text).map((document): SampleObject => document.toJS());
}

/** The arguments of the sample with the settings in them. @throws where the sample lacks one of those that are set */
export async function externalDnsArguments(settings: ExternalDnsSettings): Promise<readonly string[]> {
	const deployment = (await sample()).find(({ kind }) => kind === "Deployment");
	return filledIn(deployment?.spec?.template.spec.containers[0].args ?? [], settings);
}

/** The objects of the sample with the settings and an image of this machine in them. */
export async function externalDnsObjects(
	settings: ExternalDnsSettings,
	image: string,
): Promise<readonly SampleObject[]> {
	return (await sample()).map((object) => {
		if (object.stringData) return { ...object, stringData: { "tsig-secret": settings.key.secret } };
		if (!object.spec) return object;
		const { template } = object.spec;
		const [container] = template.spec.containers;
		const containers = [{ ...container, image, args: filledIn(container.args, settings) }] as const;
		return {
			...object,
			spec: { ...object.spec, template: { ...template, spec: { ...template.spec, containers } } },
		};
	});
}

function filledIn(args: readonly string[], { host, port, zone, key, interval }: ExternalDnsSettings): string[] {
	const values = new Map([
		["--rfc2136-host", host],
		["--rfc2136-port", String(port)],
		["--rfc2136-zone", zone],
		["--rfc2136-tsig-keyname", key.name],
		["--rfc2136-tsig-secret-alg", key.algorithm],
		["--interval", `${interval}s`],
	]);
	const filled = args.map((argument) => {
		const [name = ""] = argument.split("=");
		const value = values.get(name);
		values.delete(name);
		return value === undefined ? argument : `${name}=${value}`;
	});
	if (values.size > 0) throw new Error(`the sample of external-dns has no ${[...values.keys()].join(", ")}`);
	return filled;
}
