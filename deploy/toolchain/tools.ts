import { readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { cached, keyOf, newLog } from "../lib/cache.ts";
import { CommandError, output, run } from "../lib/commands.ts";
import { RemedyError, step } from "../lib/steps.ts";

const here = dirname(fileURLToPath(import.meta.url));

interface Tool {
	/** The Go module beside this file that pins the version. */
	readonly module: string;
	/** The package with the program's `main`. */
	readonly package: string;
	/** The module that gives the tool its version. */
	readonly versionOf: string;
	/** What is mended in a file of that module, which is then built by itself, with its own versions of everything. */
	readonly patch?: { readonly file: string; readonly from: string; readonly to: string };
}

const containerd = "github.com/containerd/containerd/v2";
const kubernetes = (program: string): Tool => ({
	module: "kubernetes",
	package: `k8s.io/kubernetes/cmd/${program}`,
	versionOf: "k8s.io/kubernetes",
});

/** Every program that is built from Go modules. */
const tools = {
	actionlint: {
		module: "actionlint",
		package: "github.com/rhysd/actionlint/cmd/actionlint",
		versionOf: "github.com/rhysd/actionlint",
	},
	// Every process of Argo CD is this program; ARGOCD_BINARY_NAME says which one it is to be.
	argocd: {
		module: "argocd",
		package: "github.com/argoproj/argo-cd/v3/cmd",
		versionOf: "github.com/argoproj/argo-cd/v3",
	},
	containerd: { module: "containerd", package: `${containerd}/cmd/containerd`, versionOf: containerd },
	"containerd-shim-runc-v2": {
		module: "containerd",
		package: `${containerd}/cmd/containerd-shim-runc-v2`,
		versionOf: containerd,
	},
	coredns: { module: "coredns", package: "github.com/coredns/coredns", versionOf: "github.com/coredns/coredns" },
	ctr: { module: "containerd", package: `${containerd}/cmd/ctr`, versionOf: containerd },
	"external-dns": {
		module: "external-dns",
		package: "sigs.k8s.io/external-dns",
		versionOf: "sigs.k8s.io/external-dns",
		// 0.21 refuses every SRV record of a DNSEndpoint: with the dot at its end here, without it later. 0.22 has this line
		// (https://github.com/kubernetes-sigs/external-dns/pull/6383), but needs modules that not every proxy has.
		patch: {
			file: "source/crd.go",
			from: "case endpoint.RecordTypeCNAME:",
			to: "case endpoint.RecordTypeCNAME, endpoint.RecordTypeSRV:",
		},
	},
	etcd: { module: "etcd", package: "go.etcd.io/etcd/server/v3", versionOf: "go.etcd.io/etcd/server/v3" },
	glua: {
		module: "gopher-lua",
		package: "github.com/yuin/gopher-lua/cmd/glua",
		versionOf: "github.com/yuin/gopher-lua",
	},
	helm: { module: "helm", package: "helm.sh/helm/v4/cmd/helm", versionOf: "helm.sh/helm/v4" },
	// Beside the newest one for tests of the chart: many still use it.
	helm3: { module: "helm3", package: "helm.sh/helm/v3/cmd/helm", versionOf: "helm.sh/helm/v3" },
	kind: { module: "kind", package: "sigs.k8s.io/kind", versionOf: "sigs.k8s.io/kind" },
	"kube-apiserver": kubernetes("kube-apiserver"),
	"kube-controller-manager": kubernetes("kube-controller-manager"),
	"kube-proxy": kubernetes("kube-proxy"),
	"kube-scheduler": kubernetes("kube-scheduler"),
	kubeadm: kubernetes("kubeadm"),
	kubectl: kubernetes("kubectl"),
	kubelet: kubernetes("kubelet"),
	"local-path-provisioner": {
		module: "local-path-provisioner",
		package: "github.com/rancher/local-path-provisioner",
		versionOf: "github.com/rancher/local-path-provisioner",
	},
	"metallb-controller": {
		module: "metallb",
		package: "go.universe.tf/metallb/controller",
		versionOf: "go.universe.tf/metallb",
	},
	"metallb-speaker": {
		module: "metallb",
		package: "go.universe.tf/metallb/speaker",
		versionOf: "go.universe.tf/metallb",
	},
} as const satisfies Record<string, Tool>;

export type ToolName = keyof typeof tools;

/**
 * Paths of the named programs, built where the cache does not have them: static binaries of the versions that the go.mod
 * files beside this file pin. Building everything takes about ten minutes on two cores; what is cached costs nothing.
 *
 * @throws {RemedyError} where Go is missing.
 */
export async function ensureTools<N extends ToolName>(
	names: readonly N[],
	options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<Record<N, string>> {
	const paths: Partial<Record<N, string>> = {};
	// One after the other: the Go compiler keeps every core busy by itself.
	for (const name of names) paths[name] = await ensureTool(name, options.signal);
	// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the loop has set every name
	return paths as Record<N, string>;
}

/** The pinned version of a tool, such as `v1.36.3`. */
export async function toolVersion(name: ToolName): Promise<string> {
	const { module, versionOf } = tools[name];
	return requiredVersion(await readFile(join(here, module, "go.mod"), "utf8"), versionOf);
}

/** The source directory of a tool's module in Go's module cache, for the files that come with the program. */
export async function toolSource(name: ToolName, signal?: AbortSignal): Promise<string> {
	const { module, versionOf } = tools[name];
	await run(["go", "mod", "download", versionOf], { cwd: join(here, module), env: goEnvironment, signal });
	return await output(["go", "list", "-m", "-f", "{{.Dir}}", versionOf], {
		cwd: join(here, module),
		env: goEnvironment,
		signal,
	});
}

/** What changes when a tool is built from other sources, by other means or for another processor. */
export async function toolKey(name: ToolName): Promise<string> {
	const { module, package: path, patch }: Tool = tools[name];
	const goMod = await readFile(join(here, module, "go.mod"), "utf8");
	const goSum = await readFile(join(here, module, "go.sum"), "utf8");
	const parts = [goMod, goSum, path, ...buildArguments(name, ""), ...Object.values(patch ?? {})];
	return `${await toolVersion(name)}-${process.arch}-${keyOf(...parts)}`;
}

const goEnvironment = { CGO_ENABLED: "0", GOWORK: "off" };

async function ensureTool(name: ToolName, signal: AbortSignal | undefined): Promise<string> {
	const version = await toolVersion(name);
	const directory = await cached(
		"tools",
		`${name}-${await toolKey(name)}`,
		async (partial) => {
			await step(`building ${name} ${version}`, async () => {
				await requireGo(signal);
				const command = [
					"go",
					"build",
					...buildArguments(name, version),
					"-o",
					join(partial, name),
					tools[name].package,
				];
				const source = join(partial, "source");
				await run(command, {
					cwd: (await patchedSource(name, source, signal)) ?? join(here, tools[name].module),
					env: goEnvironment,
					log: await newLog(`build-${name}`),
					signal,
				});
				await rm(source, { recursive: true, force: true });
			});
		},
		{ signal },
	);
	return join(directory, name);
}

/** Copies and mends the source of a tool that needs it. @returns undefined where it is built as it is */
async function patchedSource(name: ToolName, to: string, signal?: AbortSignal): Promise<string | undefined> {
	const { patch }: Tool = tools[name];
	if (!patch) return undefined;
	// Files of Go's module cache are read-only.
	await run(["cp", "--recursive", "--no-preserve=mode", await toolSource(name, signal), to], { signal });
	const file = join(to, patch.file);
	const text = await readFile(file, "utf8");
	if (!text.includes(patch.from)) throw new Error(`${patch.file} of ${name} has no ${patch.from}: look at its patch`);
	await writeFile(file, text.replace(patch.from, patch.to));
	return to;
}

/** Kubernetes' programs learn their version at link time only; kubeadm and kubelet refuse to work with `v0.0.0`. */
function buildArguments(name: ToolName, version: string): string[] {
	const [major, minor] = version.slice(1).split(".");
	const stamped = [stamp("gitVersion", version), stamp("gitMajor", major), stamp("gitMinor", minor)];
	const flags = tools[name].module === "kubernetes" ? ["-s", "-w", ...stamped] : ["-s", "-w"];
	return ["-trimpath", "-buildvcs=false", "-ldflags", flags.join(" ")];
}

function stamp(variable: string, value = ""): string {
	return `-X k8s.io/component-base/version.${variable}=${value}`;
}

/** The version that a go.mod file requires of a module. Pure. */
export function requiredVersion(goMod: string, module: string): string {
	const pattern = new RegExp(`^(?:require\\s+|\\t)${module.replaceAll(".", "\\.")}\\s+(v\\S+)`, "m");
	const version = pattern.exec(goMod)?.[1];
	if (version === undefined) throw new Error(`go.mod does not require ${module}`);
	return version;
}

async function requireGo(signal: AbortSignal | undefined): Promise<void> {
	try {
		await run(["go", "version"], { signal });
	} catch (error) {
		if (!(error instanceof CommandError)) throw error;
		throw new RemedyError(
			"Go is not installed, and this machine needs it to build Kubernetes.",
			"install Go 1.26 or newer (https://go.dev/doc/install, or your distribution's package) and put it on the PATH.",
			{ cause: error },
		);
	}
}
