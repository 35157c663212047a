import { join } from "node:path";
import type { Kubectl } from "../../../deploy/demo/kubectl.ts";
import { rolledOut } from "../../../deploy/demo/stage.ts";
import { clusterLoad } from "../../../deploy/kind/cluster.ts";
import { writeImageArchive } from "../../../deploy/kind/image-archive.ts";
import { cached } from "../../../deploy/lib/cache.ts";
import { ensureTools, toolKey, toolVersion } from "../../../deploy/toolchain/tools.ts";
import { dnsEndpointCrd, dnsEndpointCrdFile, type ExternalDnsSettings, externalDnsObjects } from "../external-dns.ts";

/** Of every object of the sample. */
const name = "external-dns";
const inNamespace = ["--namespace", name];

/** Installs external-dns's own definition of DNSEndpoint, as its project tells users to. */
export async function installDnsEndpointCrd(kubectl: Kubectl): Promise<void> {
	await kubectl.run(["apply", "--server-side", "-f", await dnsEndpointCrdFile()]);
	await kubectl.run(["wait", "--for=condition=Established", "--timeout=60s", `crd/${dnsEndpointCrd}`]);
}

/** Installs external-dns by the manifest that the guide gives, and waits until it runs. */
export async function installExternalDns(kubectl: Kubectl, settings: ExternalDnsSettings): Promise<void> {
	await kubectl.apply(...(await externalDnsObjects(settings, await provideExternalDns(kubectl))));
	await rolledOut(kubectl, name, name);
}

/** Puts an image with the program alone onto the nodes, and gives its name. */
async function provideExternalDns({ cluster, signal }: Kubectl): Promise<string> {
	const tag = `localhost/external-dns:${await toolVersion("external-dns")}`;
	const key = await toolKey("external-dns");
	const build = async (directory: string) => {
		const { "external-dns": program } = await ensureTools(["external-dns"], { signal });
		const image = { names: [tag], programs: { "/external-dns": program }, entrypoint: ["/external-dns"] };
		await writeImageArchive(join(directory, "image.tar"), [image], signal);
	};
	const directory = await cached("images", `external-dns-${key}`, build, { signal });
	await clusterLoad(cluster, [{ tag, key, archive: join(directory, "image.tar") }], { signal });
	return tag;
}

/** Ends it, and waits until it has. */
export async function pauseExternalDns(kubectl: Kubectl): Promise<void> {
	await kubectl.run(["scale", `deployment/${name}`, ...inNamespace, "--replicas=0"]);
	const pods = ["pods", ...inNamespace, "--selector", `app.kubernetes.io/name=${name}`];
	await kubectl.run(["wait", "--for=delete", ...pods, "--timeout=60s"]);
}

export async function resumeExternalDns(kubectl: Kubectl): Promise<void> {
	await kubectl.run(["scale", `deployment/${name}`, ...inNamespace, "--replicas=1"]);
	await rolledOut(kubectl, name, name);
}

/** Removes it, with all DNSEndpoints. */
export async function removeExternalDns(kubectl: Kubectl): Promise<void> {
	for (const kind of ["clusterrolebinding", "clusterrole", "namespace"]) await kubectl.delete(kind, name);
	await kubectl.delete("crd", dnsEndpointCrd);
}
