import { chmod, copyFile, cp, link, mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { cacheDirectory, cached, keyOf, newLog } from "../lib/cache.ts";
import { output, run } from "../lib/commands.ts";
import { ensurePackages } from "../lib/packages.ts";
import { step } from "../lib/steps.ts";
import { ensureRootfs } from "../toolchain/rootfs.ts";
import { ensureTools, type ToolName, toolKey, toolSource, toolVersion } from "../toolchain/tools.ts";
import { type FileImage, writeImageArchive } from "./image-archive.ts";
import { endNamespaces, inNamespaces, startNamespaces } from "./namespaces.ts";
import { enginePackages } from "./own-engine.ts";

const here = dirname(fileURLToPath(import.meta.url));

/** The Debian release of nodes: the last one whose systemd also runs where control groups are of version 1. */
const SUITE = "bookworm";
const nodePackages = [
	..."systemd conntrack iptables nftables iproute2 ethtool util-linux mount kmod libseccomp2 pigz".split(" "),
	..."e2fsprogs bash ca-certificates curl jq procps runc containernetworking-plugins".split(" "),
];
/** For images that need a shell or iptables: kube-proxy, the test CNI, the helper of local-path-provisioner. */
const shellPackages = "iptables nftables iproute2 conntrack kmod catatonit".split(" ");

const tools = [
	"containerd",
	"containerd-shim-runc-v2",
	"coredns",
	"ctr",
	"etcd",
	"kind",
	"kube-apiserver",
	"kube-controller-manager",
	"kube-proxy",
	"kube-scheduler",
	"kubeadm",
	"kubectl",
	"kubelet",
	"local-path-provisioner",
	"metallb-controller",
	"metallb-speaker",
] as const satisfies readonly ToolName[];

/** Name of the node image in the store that `ensureNodeImage` gives. */
export const NODE_IMAGE = "localhost/xmppfed-node:latest";
/** What the test CNI runs in; test-cni.yaml names it. */
const TEST_CNI_IMAGE = "localhost/xmppfed-test-cni:latest";

/**
 * The directory of a podman image store that holds the node image, built where the cache does not have it: programs from
 * Go modules, a Debian root file system, and every image that a cluster starts with, so that nothing is pulled.
 */
export async function ensureNodeImage(signal: AbortSignal | undefined): Promise<string> {
	const directory = await cached("node-image", await nodeImageKey(), (partial) => build(partial, signal), { signal });
	return join(directory, "images");
}

/** What changes when the node image is made of other parts. */
async function nodeImageKey(): Promise<string> {
	const keys = await Promise.all(tools.map(toolKey));
	const sources = ["node-image/Containerfile", "image-archive.ts", "node-image.ts"];
	const texts = await Promise.all(sources.map((name) => readFile(join(here, name), "utf8")));
	return `${await toolVersion("kubelet")}-${process.arch}-${keyOf(...keys, ...texts)}`;
}

async function build(directory: string, signal: AbortSignal | undefined): Promise<void> {
	await ensurePackages([...enginePackages, "buildah", "libcap2-bin", "pigz"], { signal });
	const programs = await ensureTools(tools, { signal });
	const nodeRootfs = await ensureRootfs({ suite: SUITE, packages: nodePackages }, { signal });
	const shellRootfs = await ensureRootfs({ suite: SUITE, packages: shellPackages }, { signal });

	await step("building the node image", async () => {
		const work = join(directory, "work");
		await mkdir(work);
		const log = await newLog("node-image");

		await step("packing the images of Kubernetes' own parts", () =>
			packKubernetes(join(work, "kubernetes"), programs, shellRootfs, signal),
		);
		const context = join(work, "context");
		await prepareContext(context, programs, nodeRootfs, signal);

		const docker = await dockerCommand(work);
		const namespaces = { cgroup: `xmppfed-node-image-${keyOf(cacheDirectory())}`, directory: join(work, "engine") };
		try {
			const running = await startNamespaces(namespaces, [], signal);
			const podman = (command: readonly string[], env = {}) =>
				run(inNamespaces(running, command), { log, signal, env });
			const base = "localhost/xmppfed-node-base:latest";
			const buildah = "buildah build --isolation chroot --format docker --layers=false".split(" ");
			await step("building kind's base image", () => podman([...buildah, "--tag", base, context]));
			const kindBuild = [programs.kind, "build", "node-image", "--type", "file", "--base-image", base];
			await step("building the node image with kind", () =>
				podman([...kindBuild, "--image", NODE_IMAGE, join(work, "kubernetes", "kubernetes.tar.gz")], {
					PATH: `${docker}:${process.env.PATH}`,
					TMPDIR: work,
				}),
			);
			await rename(join(namespaces.directory, "storage", "storage"), join(directory, "images"));
		} finally {
			await endNamespaces(namespaces);
		}
		await rm(work, { recursive: true });
	});
}

/**
 * A directory with a `docker` that kind's build calls: podman, without going to a registry for an image that is there.
 * kind takes the proxy variables of the build out of the image with one ENV line; podman 4.3 reads that as one variable
 * with a broken value, by which the API server would reach no pod. So each variable gets a line.
 */
async function dockerCommand(work: string): Promise<string> {
	const directory = join(work, "bin");
	await mkdir(directory);
	await writeFile(join(directory, "docker"), dockerScript, { mode: 0o755 });
	return directory;
}

const dockerScript = `#!/bin/sh
[ "$1" = pull ] && exit 0
for word do
	shift
	case $word in
	"ENV HTTP_PROXY="*) set -- "$@" "ENV HTTP_PROXY=" --change "ENV HTTPS_PROXY=" --change "ENV NO_PROXY=" ;;
	*) set -- "$@" "$word" ;;
	esac
done
exec podman "$@"
`;

/** The context of node-image/Containerfile. */
async function prepareContext(
	context: string,
	programs: Readonly<Record<(typeof tools)[number], string>>,
	rootfs: string,
	signal: AbortSignal | undefined,
): Promise<void> {
	await mkdir(join(context, "bin"), { recursive: true });
	await copyFile(join(here, "node-image", "Containerfile"), join(context, "Containerfile"));
	await link(rootfs, join(context, "rootfs.tar")).catch(() => copyFile(rootfs, join(context, "rootfs.tar")));
	for (const name of ["containerd", "containerd-shim-runc-v2", "ctr"] as const) {
		await copyFile(programs[name], join(context, "bin", name));
	}
	const files = join(context, "files");
	await cp(join(await toolSource("kind", signal), "images", "base", "files"), files, { recursive: true });
	// Go's module cache is read-only and keeps no execute bits.
	for (const entry of await readdir(files, { recursive: true, withFileTypes: true })) {
		const path = join(entry.parentPath, entry.name);
		await chmod(path, entry.isDirectory() || entry.parentPath.endsWith("/bin") ? 0o755 : 0o644);
	}
}

/** `kubernetes.tar.gz` in the form that `kind build node-image --type file` takes. */
async function packKubernetes(
	directory: string,
	programs: Readonly<Record<(typeof tools)[number], string>>,
	shellRootfs: string,
	signal: AbortSignal | undefined,
): Promise<void> {
	const version = await toolVersion("kubelet");
	const bin = join(directory, "kubernetes", "server", "bin");
	await mkdir(bin, { recursive: true });
	await writeFile(join(directory, "kubernetes", "version"), version);
	for (const name of ["kubeadm", "kubelet", "kubectl"] as const) await copyFile(programs[name], join(bin, name));

	const list = await output([programs.kubeadm, "config", "images", "list", "--kubernetes-version", version], {
		signal,
	});
	const named = await wantedNames(list, signal);
	const component = (name: "kube-apiserver" | "kube-controller-manager" | "kube-scheduler"): FileImage => ({
		names: [named(`/${name}:`)],
		programs: { [`/usr/local/bin/${name}`]: programs[name] },
	});
	for (const name of ["kube-apiserver", "kube-controller-manager", "kube-scheduler"] as const) {
		await writeImageArchive(join(bin, `${name}.tar`), [component(name)], signal);
	}

	const catatonit = join(directory, "catatonit");
	await run(["tar", "-C", directory, "--strip-components=3", "-xf", shellRootfs, "./usr/bin/catatonit"], { signal });
	const metallb = await toolVersion("metallb-controller");
	// kind imports all that is in its four archives, so what else a cluster needs goes into the fourth.
	const others: FileImage[] = [
		{
			names: [named("/kube-proxy:")],
			base: shellRootfs,
			programs: { "/usr/local/bin/kube-proxy": programs["kube-proxy"] },
		},
		{ names: [named("/etcd:")], programs: { "/usr/local/bin/etcd": programs.etcd } },
		{
			names: [named("/coredns:")],
			programs: { "/coredns": programs.coredns },
			entrypoint: ["/coredns"],
			user: "65532:65532",
			capabilities: "cap_net_bind_service=+ep",
		},
		// Only waits and reaps, like the original.
		{ names: [named("/pause:")], programs: { "/pause": catatonit }, entrypoint: ["/pause", "-P"], user: "65535:65535" },
		// For the test CNI. kind's build insists on kindnetd, which no Go module has and no cluster here starts.
		{
			names: [TEST_CNI_IMAGE, named("/kindnetd:")],
			base: shellRootfs,
			programs: { "/usr/local/bin/kubectl": programs.kubectl },
		},
		{
			names: [named("/local-path-provisioner:")],
			programs: { "/usr/bin/local-path-provisioner": programs["local-path-provisioner"] },
		},
		{ names: [named("/local-path-helper:")], base: shellRootfs, programs: {} },
		...metallbImages(programs, metallb),
	];
	await writeImageArchive(join(bin, "kube-proxy.tar"), others, signal);
	// kind asks for gzip; nobody gains by compression here.
	await run(["tar", "-C", directory, "-I", "pigz -0", "-cf", join(directory, "kubernetes.tar.gz"), "kubernetes"], {
		signal,
	});
	await rm(join(directory, "kubernetes"), { recursive: true });
}

/** The images of MetalLB under the names of its manifest. Pure. */
export function metallbImages(
	programs: Readonly<Record<"metallb-controller" | "metallb-speaker", string>>,
	version: string,
): FileImage[] {
	return (["controller", "speaker"] as const).map((name) => ({
		names: [`quay.io/metallb/${name}:${version}`],
		programs: { [`/${name}`]: programs[`metallb-${name}`] },
		entrypoint: [`/${name}`],
	}));
}

/**
 * Finds the full name of an image by a part of it, among those that kubeadm asks for (its list, one a line) and those
 * that kind's sources name.
 */
async function wantedNames(list: string, signal: AbortSignal | undefined): Promise<(part: string) => string> {
	const source = await toolSource("kind", signal);
	const texts = await Promise.all(
		[
			"pkg/build/nodeimage/const_cni.go",
			"pkg/build/nodeimage/const_storage.go",
			"images/base/files/etc/containerd/config.toml",
		].map((path) => readFile(join(source, path), "utf8")),
	);
	const names = [...imageNames(texts.join("\n")), ...list.split("\n")];
	return (part) => {
		const name = names.find((candidate) => candidate.includes(part));
		if (name === undefined) throw new Error(`neither kubeadm nor kind ${source} names an image ${part}`);
		return name;
	};
}

/** Names of images in Go constants and in containerd's configuration. Pure. */
export function imageNames(text: string): string[] {
	const pattern = /^\s*(?:const\s+\w+Image|sandbox_image)\s*=\s*"([^"]+)"/gm;
	return [...text.matchAll(pattern)].map((match) => match[1] ?? "");
}
