import { randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseAllDocuments, stringify } from "yaml";
import { z } from "zod";
import { cached } from "../lib/cache.ts";
import { output } from "../lib/commands.ts";
import { RemedyError, step } from "../lib/steps.ts";
import { ensureTools, toolKey, toolSource, toolVersion } from "../toolchain/tools.ts";
import type { Cluster } from "./clusters.ts";
import { writeImageArchive } from "./image-archive.ts";
import { importArchive } from "./images.ts";
import { POD_SUBNET } from "./kind-configuration.ts";
import { metallbImages } from "./node-image.ts";

const here = dirname(fileURLToPath(import.meta.url));

/** Installs the test CNI, which connects pods; without it no node becomes Ready. */
export async function installNetwork(
	cluster: Cluster,
	options: { readonly apiServer: string; readonly signal: AbortSignal | undefined },
): Promise<void> {
	const { signal } = options;
	// Before pods can start, so that the cluster's DNS starts with it.
	const configMap = ["--namespace", "kube-system", "configmap/coredns"];
	const { stdout } = await cluster.runKubectl(["get", ...configMap, "--output=jsonpath={.data.Corefile}"], { signal });
	const patch = JSON.stringify({ data: { Corefile: withoutForwarding(stdout) } });
	await cluster.runKubectl(["patch", ...configMap, "--type=merge", "--patch", patch], { signal });

	const manifest = await readFile(join(here, "test-cni.yaml"), "utf8");
	const script = stringify({
		apiVersion: "v1",
		kind: "ConfigMap",
		metadata: { name: "xmppfed-test-cni", namespace: "kube-system" },
		data: { "test-cni.sh": await readFile(join(here, "test-cni.sh"), "utf8") },
	});
	const filledIn = manifest.replace("${API_SERVER}", options.apiServer).replace("${POD_SUBNET}", POD_SUBNET);
	await cluster.runKubectl(["apply", "-f", "-"], { input: `${filledIn}---\n${script}`, signal });
}

/**
 * The cluster DNS's configuration without the name servers of this machine, which nodes in namespaces of their own cannot
 * reach: a name outside the cluster does not exist, and is so told at once instead of after seconds. Pure.
 *
 * @param corefile as kubeadm writes it: one server block for every name. It keeps the cluster's own zones.
 */
export function withoutForwarding(corefile: string): string {
	const block = /^\.:53 \{$/m;
	const forward = /^\s*forward \. [^\n{]*(?:\{[^}]*\})?\n/m;
	if (!block.test(corefile) || !forward.test(corefile)) {
		throw new Error(`the cluster DNS is not configured as kubeadm does it:\n${corefile}`);
	}
	const own = corefile.replace(block, "cluster.local:53 in-addr.arpa:53 ip6.arpa:53 {").replace(forward, "");
	return `${own.trimEnd()}
.:53 {
    errors
    template ANY ANY {
        rcode NXDOMAIN
        authority ". 5 IN SOA ns.invalid. none.invalid. 1 3600 600 86400 5"
    }
}
`;
}

export interface LoadBalancerOptions {
	/** Addresses for LoadBalancer Services, as MetalLB writes a range; absent: taken from the engine's network. */
	readonly range: string | undefined;
	readonly log: string;
	readonly signal: AbortSignal | undefined;
}

/** Installs MetalLB in layer 2 mode and gives it its addresses. */
export async function installLoadBalancers(cluster: Cluster, options: LoadBalancerOptions): Promise<void> {
	const { signal, log } = options;
	await step("installing MetalLB", async () => {
		// Our own node image has its images already.
		if (cluster.engine !== "own") await loadMetallb(cluster, signal);
		const range = options.range ?? loadBalancerRange(await engineSubnets(cluster, signal));
		const manifest = await readFile(await metallbManifestFile(signal), "utf8");
		const key = randomBytes(32).toString("base64");
		await cluster.runKubectl(["apply", "--server-side", "-f", "-"], {
			input: metallbManifest(manifest, key),
			log,
			signal,
		});
		const established = ["wait", "--for=condition=Established", "--timeout=60s"];
		const kinds = ["crd/ipaddresspools.metallb.io", "crd/l2advertisements.metallb.io"];
		await cluster.runKubectl([...established, ...kinds], { log, signal });
		await cluster.runKubectl(["apply", "-f", "-"], { input: addressPool(range), log, signal });
	});
}

/** The manifest that comes with MetalLB's sources, kept in the cache so that Go is not needed once all is built. */
async function metallbManifestFile(signal: AbortSignal | undefined): Promise<string> {
	const name = "metallb-native.yaml";
	const fetch = async (directory: string) => {
		const source = await toolSource("metallb-controller", signal);
		await writeFile(join(directory, name), await readFile(join(source, "config", "manifests", name)));
	};
	return join(await cached("manifests", `metallb-${await toolKey("metallb-controller")}`, fetch, { signal }), name);
}

/**
 * MetalLB's own manifest without its admission webhook, which would have to run before addresses can be given, and with
 * the Secret that its speakers wait for; as one List. Pure.
 *
 * @param memberlistKey by which speakers know each other.
 */
export function metallbManifest(manifest: string, memberlistKey: string): string {
	const documents = parseAllDocuments(manifest).filter((item) => item.get("kind") !== "ValidatingWebhookConfiguration");
	for (const document of documents) {
		if (document.get("kind") === "Deployment") {
			document.addIn(["spec", "template", "spec", "containers", 0, "args"], "--webhook-mode=disabled");
			// Probes every two seconds from the start instead of every ten after ten.
			for (const [name, value] of [
				["initialDelaySeconds", 1],
				["periodSeconds", 2],
			] as const) {
				document.setIn(["spec", "template", "spec", "containers", 0, "readinessProbe", name], value);
			}
		}
	}
	const secret = {
		apiVersion: "v1",
		kind: "Secret",
		metadata: { name: "memberlist", namespace: "metallb-system" },
		stringData: { secretkey: memberlistKey },
	};
	const items = [...documents.map((document): unknown => document.toJS()), secret];
	return JSON.stringify({ apiVersion: "v1", kind: "List", items });
}

function addressPool(range: string): string {
	const metadata = { name: "xmppfed", namespace: "metallb-system" };
	return [
		{ apiVersion: "metallb.io/v1beta1", kind: "IPAddressPool", metadata, spec: { addresses: [range] } },
		{ apiVersion: "metallb.io/v1beta1", kind: "L2Advertisement", metadata, spec: {} },
	]
		.map((object) => stringify(object))
		.join("---\n");
}

async function loadMetallb(cluster: Cluster, signal: AbortSignal | undefined): Promise<void> {
	const programs = await ensureTools(["metallb-controller", "metallb-speaker"], { signal });
	const version = await toolVersion("metallb-controller");
	const directory = await mkdtemp(join(tmpdir(), "xmppfed-metallb-"));
	try {
		const archive = join(directory, "metallb.tar");
		await writeImageArchive(archive, metallbImages(programs, version), signal);
		for (const node of cluster.nodes) await importArchive(cluster, node, archive, signal);
	} finally {
		await rm(directory, { recursive: true });
	}
}

const dockerNetwork = z.array(z.object({ IPAM: z.object({ Config: z.array(z.object({ Subnet: z.string() })) }) }));
const podmanNetwork = z.array(z.object({ subnets: z.array(z.object({ subnet: z.string() })) }));

/** The subnets of the network that kind puts nodes into. */
async function engineSubnets(cluster: Cluster, signal: AbortSignal | undefined): Promise<string[]> {
	const inspected: unknown = JSON.parse(
		await output(cluster.engineCommand(["network", "inspect", "kind"]), { signal }),
	);
	return cluster.engine === "docker"
		? dockerNetwork.parse(inspected).flatMap(({ IPAM }) => IPAM.Config.map(({ Subnet }) => Subnet))
		: podmanNetwork.parse(inspected).flatMap(({ subnets }) => subnets.map(({ subnet }) => subnet));
}

/** The end of the first IPv4 subnet, where an engine comes last when it gives addresses to containers. Pure. */
export function loadBalancerRange(subnets: readonly string[]): string {
	for (const subnet of subnets) {
		const match = /^(\d+)\.(\d+)\.(\d+)\.\d+\/(\d+)$/.exec(subnet);
		const [a = 0, b = 0, c = 0, length = 0] = match?.slice(1).map(Number) ?? [];
		if (!match || length > 24) continue;
		const last = ((a * 256 + b) * 256 + c + 2 ** (24 - length) - 1) >>> 0;
		const prefix = `${last >>> 16}.${(last >>> 8) & 255}.${last & 255}`;
		return `${prefix}.200-${prefix}.250`;
	}
	throw new RemedyError(
		`the network "kind" has no IPv4 subnet of at least 256 addresses: ${subnets.join(", ") || "none at all"}.`,
		"remove the network, and kind makes it anew: docker network rm kind",
	);
}
