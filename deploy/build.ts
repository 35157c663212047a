import { chmod, copyFile, mkdir, realpath, rename, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { build, type Metafile, type Plugin } from "esbuild";
import { kubectlCompletion } from "../src/cli/completion.ts";
import { releaseManifest } from "./release-manifest.ts";
import { bundleSbom } from "./sbom.ts";

const root = fileURLToPath(new URL("..", import.meta.url));

/** Directory that the operator's image is built from. */
export const operatorContext = join(root, "dist/operator");

/** Leaves out what the operator's base class imports and never uses: docs/decisions/0002-k8s-operator-lifecycle-only.md. */
const baseImports: Plugin = {
	name: "operator-base-imports",
	setup(bundling) {
		bundling.onResolve({ filter: /^(@kubernetes\/client-node|gaxios)$/ }, ({ importer }) =>
			importer.includes("@dot-i/k8s-operator")
				? { path: join(root, "src/kubernetes/operator-base-imports.ts") }
				: undefined,
		);
	},
};

/**
 * Leaves out the generated half of client-node (API calls, models) and what it makes connections with, which nothing here
 * uses: its configuration and login alone stay (docs/decisions/0003-own-reflector.md).
 */
const clientNode: Plugin = {
	name: "client-node-configuration",
	setup(bundling) {
		const dist = join(root, "node_modules/@kubernetes/client-node/dist");
		bundling.onResolve({ filter: /^@kubernetes\/client-node$/ }, ({ importer }) =>
			importer.startsWith(join(root, "src/")) ? { path: join(dist, "config.js") } : undefined,
		);
		bundling.onResolve({ filter: /^(undici|socks|socks-proxy-agent)$|\/gen\/index\.js$/ }, ({ importer }) =>
			importer.startsWith(dist) ? { path: join(root, "src/kubernetes/client-node-imports.ts") } : undefined,
		);
	},
};

/** Leaves out zod's messages in other languages, which are a quarter of a megabyte. */
const zodMessages: Plugin = {
	name: "zod-messages",
	setup(bundling) {
		const zod = join(root, "node_modules/zod/v4");
		bundling.onResolve({ filter: /\/locales\/index\.js$/ }, ({ importer }) =>
			importer.startsWith(zod) ? { path: join(zod, "locales/en.js") } : undefined,
		);
	},
};

/**
 * Makes the operator's one file.
 *
 * @returns its size in bytes, and the files that it is made of
 */
export async function bundleOperator(outfile: string, { minify = true } = {}): Promise<Bundle> {
	const result = await build({
		absWorkingDir: root,
		entryPoints: [join(root, "src/main.ts")],
		outfile,
		bundle: true,
		platform: "node",
		target: "node24",
		format: "esm",
		minify,
		metafile: true,
		logLevel: "warning",
		plugins: [baseImports, clientNode, zodMessages],
		// CommonJS packages inside the bundle call require() for Node's own modules.
		banner: { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' },
	});
	const bytes = Object.values(result.metafile.outputs).reduce((sum, output) => sum + output.bytes, 0);
	return { bytes, inputs: inputsOf(result.metafile) };
}

interface Bundle {
	readonly bytes: number;
	/** Paths below the repository's root. */
	readonly inputs: readonly string[];
}

/** The files that something of came into the bundle. */
function inputsOf({ outputs }: Metafile): readonly string[] {
	return Object.values(outputs).flatMap(({ inputs }) =>
		Object.entries(inputs).flatMap(([path, { bytesInOutput }]) => (bytesInOutput > 0 ? path : [])),
	);
}

async function writeSbom(directory: string, name: string, { inputs }: Bundle): Promise<void> {
	const sbom = await bundleSbom(name, inputs);
	await writeFile(join(directory, "sbom.cdx.json"), `${JSON.stringify(sbom, undefined, "\t")}\n`);
}

/**
 * Makes dist/operator: the bundle, the Node to run it, and the Containerfile.
 *
 * @returns size of the bundle in bytes, and the files that what is made consists of
 */
export async function buildOperator(): Promise<Bundle> {
	await mkdir(operatorContext, { recursive: true });
	const { bytes, inputs } = await bundleOperator(join(operatorContext, "operator.mjs"));
	const ownNode = await realpath(process.execPath);
	const node = join(operatorContext, "node");
	// Under another name first: the file that is there may be in use, by this very process or another build.
	const copy = `${node}.${process.pid}`;
	await copyFile(ownNode, copy);
	await chmod(copy, 0o755);
	await rename(copy, node);
	await copyFile(join(root, "deploy/operator/Containerfile"), join(operatorContext, "Containerfile"));
	return { bytes, inputs: [...inputs, relative(root, ownNode)] };
}

/** The plugin of kubectl: one file, which kubectl finds on the PATH by its name. */
export const kubectlPlugin = join(root, "dist/cli/kubectl-xmppfed");

/** Asked by kubectl's completion of the shell; found on the PATH like the plugin. */
export const kubectlPluginCompletion = join(root, "dist/cli/kubectl_complete-xmppfed");

/** The oldest Node that @kubernetes/client-node runs on. */
const leastNode = [22, 19] as const;

/**
 * Runs before anything that an older Node lacks. `require` of Node's own modules comes from here, so that the file runs
 * the same whether Node takes it for a script or, below a package.json that says so, for a module: its name has no ending
 * to tell by.
 */
const pluginStart = `#!/usr/bin/env node
{
	const [major, minor] = process.versions.node.split(".").map(Number);
	if (major < ${leastNode[0]} || (major === ${leastNode[0]} && minor < ${leastNode[1]})) {
		console.error("error: kubectl-xmppfed needs Node ${leastNode.join(".")} or newer, and the node on the PATH is " + process.version + "\\nInstall a newer one: https://nodejs.org/en/download");
		process.exit(1);
	}
}
var require = process.getBuiltinModule("node:module").createRequire(process.argv[1]);`;

/**
 * Makes dist/cli/kubectl-xmppfed and what completes its command lines.
 *
 * @returns its size in bytes, and the files that it is made of
 */
export async function buildKubectlPlugin(): Promise<Bundle> {
	const result = await build({
		absWorkingDir: root,
		entryPoints: [join(root, "src/cli/main.ts")],
		outfile: kubectlPlugin,
		write: false,
		metafile: true,
		bundle: true,
		platform: "node",
		// Syntax that even Node 16 can read, so that it comes as far as saying that it is too old.
		target: "node16.11",
		format: "iife",
		minify: true,
		logLevel: "warning",
		plugins: [clientNode, zodMessages],
		banner: { js: pluginStart },
	});
	const [file] = result.outputFiles;
	if (!file) throw new Error("esbuild gave no file");
	await mkdir(dirname(kubectlPlugin), { recursive: true });
	// Under another name first: the file that is there may be running.
	const partial = `${kubectlPlugin}.${process.pid}`;
	await writeFile(partial, file.contents, { mode: 0o755 });
	await rename(partial, kubectlPlugin);
	await writeFile(kubectlPluginCompletion, `${kubectlCompletion}\n`, { mode: 0o755 });
	return { bytes: file.contents.byteLength, inputs: inputsOf(result.metafile) };
}

/** All of an installation in one file for `kubectl apply`. */
export const releaseFile = join(root, "dist/xmppfed-operator.yaml");

if (import.meta.main) {
	const image = { type: "string" } as const;
	const { values } = parseArgs({ options: { "operator-image": image, "gateway-image": image } });
	const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(2)} MB`;
	const operator = await buildOperator();
	await writeSbom(operatorContext, "xmpp-federation-operator", operator);
	console.log(`dist/operator: bundle of ${megabytes(operator.bytes)}`);
	const plugin = await buildKubectlPlugin();
	await writeSbom(dirname(kubectlPlugin), "kubectl-xmppfed", plugin);
	console.log(`dist/cli/kubectl-xmppfed: ${megabytes(plugin.bytes)}`);
	await writeFile(
		releaseFile,
		await releaseManifest({ operator: values["operator-image"], gateway: values["gateway-image"] }),
	);
	console.log("dist/xmppfed-operator.yaml");
}
