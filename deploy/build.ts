import { chmod, copyFile, mkdir, realpath, rename } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build, type Plugin } from "esbuild";

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
 * Makes the operator's one file.
 *
 * @returns its size in bytes
 */
export async function bundleOperator(outfile: string): Promise<number> {
	const result = await build({
		entryPoints: [join(root, "src/main.ts")],
		outfile,
		bundle: true,
		platform: "node",
		target: "node24",
		format: "esm",
		minify: true,
		metafile: true,
		logLevel: "warning",
		plugins: [baseImports],
		// CommonJS packages inside the bundle call require() for Node's own modules.
		banner: { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' },
	});
	return Object.values(result.metafile.outputs).reduce((sum, { bytes }) => sum + bytes, 0);
}

/**
 * Makes dist/operator: the bundle, the Node to run it, and the Containerfile.
 *
 * @returns size of the bundle in bytes
 */
export async function buildOperator(): Promise<number> {
	await mkdir(operatorContext, { recursive: true });
	const bytes = await bundleOperator(join(operatorContext, "operator.mjs"));
	const node = join(operatorContext, "node");
	// Under another name first: the file that is there may be in use, by this very process or another build.
	const copy = `${node}.${process.pid}`;
	await copyFile(await realpath(process.execPath), copy);
	await chmod(copy, 0o755);
	await rename(copy, node);
	await copyFile(join(root, "deploy/operator/Containerfile"), join(operatorContext, "Containerfile"));
	return bytes;
}

if (import.meta.main) {
	const bytes = await buildOperator();
	console.log(`dist/operator: bundle of ${(bytes / 1e6).toFixed(2)} MB`);
}
