import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { output } from "./lib/commands.ts";

const root = fileURLToPath(new URL("..", import.meta.url));

/** CycloneDX 1.5, as far as it is changed here. */
const bom = z.looseObject({
	bomFormat: z.literal("CycloneDX"),
	metadata: z.looseObject({ component: z.looseObject({ "bom-ref": z.string() }) }),
	components: z.array(z.looseObject({ "bom-ref": z.string(), name: z.string(), version: z.string() })),
	dependencies: z.array(z.object({ ref: z.string(), dependsOn: z.array(z.string()) })),
});
export type Bom = z.infer<typeof bom>;

const lockFile = z.object({ packages: z.record(z.string(), z.looseObject({ version: z.string().optional() })) });
export type Lock = z.infer<typeof lockFile>;

/**
 * The bill of materials of a bundle: what of npm's own for the whole project is in it. npm cannot tell that: it leaves out
 * packages that are needed twice in different ways, and knows nothing of what a bundler leaves out.
 *
 * @param name of the bundle
 * @param inputs paths of the files that are in it, below the repository's root
 */
export async function bundleSbom(name: string, inputs: readonly string[]): Promise<Bom> {
	const command = ["npm", "sbom", "--sbom-format=cyclonedx", "--package-lock-only"];
	const [all, lock] = await Promise.all([
		output(command, { cwd: root }),
		readFile(join(root, "package-lock.json"), "utf8"),
	]);
	return partOf(bom.parse(JSON.parse(all)), name, bundledPackages(inputs, lockFile.parse(JSON.parse(lock))));
}

/** `NAME@VERSION` of each package that a file is of. Pure. */
export function bundledPackages(inputs: readonly string[], { packages }: Lock): ReadonlySet<string> {
	const directories = new Set(inputs.flatMap((path) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0] ?? []));
	return new Set(
		[...directories].map((directory) => {
			const { version } = packages[directory] ?? {};
			if (version === undefined) throw new Error(`package-lock.json does not have ${directory}`);
			return `${directory.replace(/^.*node_modules\//, "")}@${version}`;
		}),
	);
}

/** Pure. Equal bundles give equal files: without npm's time and serial number. */
export function partOf(whole: Bom, name: string, packages: ReadonlySet<string>): Bom {
	const { serialNumber: _serial, ...rest } = whole;
	const { timestamp: _time, ...metadata } = whole.metadata;
	const { component } = metadata;
	const missing = [...packages].filter((ref) => !whole.components.some((each) => each["bom-ref"] === ref));
	if (missing.length > 0) throw new Error(`npm's bill of materials lacks ${missing.join(", ")}`);
	const refs = new Set([...packages, component["bom-ref"]]);
	return {
		...rest,
		metadata: { ...metadata, component: { ...component, type: "application", name } },
		components: whole.components.filter((each) => packages.has(each["bom-ref"])),
		dependencies: whole.dependencies
			.filter(({ ref }) => refs.has(ref))
			.map(({ ref, dependsOn }) => ({ ref, dependsOn: dependsOn.filter((other) => refs.has(other)) })),
	};
}
