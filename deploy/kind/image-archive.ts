import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { chmod, copyFile, link, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { run } from "../lib/commands.ts";

/** A container image made of files, without a container engine. */
export interface FileImage {
	/** Full names with tag, such as `registry.k8s.io/pause:3.10`. */
	readonly names: readonly string[];
	/** A tar archive to start from: the lowest layer. */
	readonly base?: string | undefined;
	/** Path in the image -> executable file on this machine. */
	readonly programs: Readonly<Record<string, string>>;
	readonly entrypoint?: readonly string[] | undefined;
	/** `UID:GID`; root if absent. */
	readonly user?: string | undefined;
	/** File capabilities of the programs, as setcap(8) writes them. */
	readonly capabilities?: string | undefined;
}

/**
 * Writes images into one archive of the format that `docker load`, `podman load` and `ctr images import` read. Images
 * with the same base share its layer. What is in the layers depends on the files' contents only, not on their times.
 */
export async function writeImageArchive(
	path: string,
	images: readonly FileImage[],
	signal: AbortSignal | undefined,
): Promise<void> {
	const directory = await mkdtemp(join(dirname(path), ".archive-"));
	try {
		const manifest: object[] = [];
		for (const [index, image] of images.entries()) {
			const layers: string[] = [];
			if (image.base) layers.push(await addLayer(directory, image.base));
			const own = join(directory, `${index}.tar`);
			await packPrograms(own, image, join(directory, String(index)), signal);
			layers.push(await addLayer(directory, own));
			await rm(own);
			const config = JSON.stringify(imageConfig(image, layers));
			const configName = `${createHash("sha256").update(config).digest("hex")}.json`;
			await writeFile(join(directory, configName), config);
			manifest.push({
				Config: configName,
				RepoTags: image.names,
				Layers: layers.map((digest) => `${digest}/layer.tar`),
			});
		}
		await writeFile(join(directory, "manifest.json"), JSON.stringify(manifest));
		await writeFile(join(directory, "repositories"), JSON.stringify(repositories(images)));
		// kind reads the first of these two files that it meets, and of manifest.json only the first image.
		const members = ["repositories", "manifest.json", "--exclude=./repositories", "--exclude=./manifest.json", "."];
		await run(["tar", "-C", directory, "-cf", path, ...members], { signal });
	} finally {
		await rm(directory, { recursive: true, force: true });
	}
}

/** Puts a layer where the archive wants it, once; gives the hexadecimal SHA-256 of its contents. */
async function addLayer(directory: string, tar: string): Promise<string> {
	const hash = createHash("sha256");
	await pipeline(createReadStream(tar), hash);
	const digest = hash.digest("hex");
	if ((await mkdir(join(directory, digest), { recursive: true })) !== undefined) {
		const target = join(directory, digest, "layer.tar");
		await link(tar, target).catch(() => copyFile(tar, target));
	}
	return digest;
}

async function packPrograms(
	tar: string,
	image: FileImage,
	root: string,
	signal: AbortSignal | undefined,
): Promise<void> {
	await mkdir(root);
	for (const [target, source] of Object.entries(image.programs)) {
		const file = join(root, target);
		await mkdir(dirname(file), { recursive: true });
		await copyFile(source, file);
		await chmod(file, 0o755);
		if (image.capabilities) await run(["setcap", image.capabilities, file], { signal });
	}
	const plain = ["--sort=name", "--mtime=@0", "--owner=0", "--group=0", "--numeric-owner", "--format=pax"];
	// Without these the archive would have the times at which its members were read.
	const noTimes = "--pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime";
	const capabilities = image.capabilities ? ["--xattrs", "--xattrs-include=security.capability"] : [];
	await run(["tar", ...plain, noTimes, ...capabilities, "-C", root, "-cf", tar, "."], { signal });
	await rm(root, { recursive: true });
}

/** Image names in the old form, repository -> tag -> a layer, which some readers take the names from. Pure. */
export function repositories(images: readonly FileImage[]): Record<string, Record<string, string>> {
	const found: Record<string, Record<string, string>> = {};
	for (const name of images.flatMap((image) => image.names)) {
		const colon = name.lastIndexOf(":");
		const repository = (found[name.slice(0, colon)] ??= {});
		repository[name.slice(colon + 1)] = "";
	}
	return found;
}

function imageConfig(image: FileImage, layers: readonly string[]): object {
	return {
		architecture: process.arch === "x64" ? "amd64" : process.arch,
		os: "linux",
		config: {
			Env: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
			...(image.entrypoint ? { Entrypoint: image.entrypoint } : {}),
			...(image.user ? { User: image.user } : {}),
			WorkingDir: "/",
		},
		rootfs: { type: "layers", diff_ids: layers.map((digest) => `sha256:${digest}`) },
		history: layers.map(() => ({ created_by: "deploy/kind/image-archive.ts" })),
	};
}
