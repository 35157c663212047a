import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, readdir, readFile, readlink, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { pipeline } from "node:stream/promises";
import { fileURLToPath } from "node:url";
import { cacheDirectory, cached, exists, keyOf, newLog } from "../lib/cache.ts";
import { output, run } from "../lib/commands.ts";
import { withLock } from "../lib/lock.ts";
import { ensurePackages } from "../lib/packages.ts";
import { RemedyError, step } from "../lib/steps.ts";
import { ensureRootfs } from "../toolchain/rootfs.ts";
import type { Cluster } from "./clusters.ts";
import { chooseEngine, type EngineKind, requireRoot } from "./engine.ts";
import { writeConfiguration } from "./namespaces.ts";

const here = dirname(fileURLToPath(import.meta.url));

export interface ImageSource {
	/** The directory whose files the build may use. All of it counts for whether the image is built anew. */
	readonly context: string;
	/** Path of the Containerfile; `CONTEXT/Containerfile` if absent. */
	readonly file?: string | undefined;
	/** Full name with tag, such as `localhost/xmppfed-gateway:dev`. */
	readonly tag: string;
	/** Build arguments. `BASE` is set where no image registry can be reached, to a Debian trixie. */
	readonly args?: Readonly<Record<string, string>> | undefined;
}

/** An image as an archive in the cache, in the format of `docker save`. */
export interface BuiltImage {
	readonly tag: string;
	/** Changes when what the image is built from does. */
	readonly key: string;
	readonly archive: string;
}

interface BuildOptions {
	readonly signal?: AbortSignal | undefined;
}

/**
 * Builds an image with Docker, Podman or buildah, whichever clusters here use; needs no cluster. Nothing is built where
 * the same context, Containerfile and arguments have been built before.
 */
export async function buildImage(source: ImageSource, options: BuildOptions = {}): Promise<BuiltImage> {
	const { signal } = options;
	const { context, tag, args = {} } = source;
	const file = source.file ?? join(context, "Containerfile");
	const engine = await chooseEngine(signal);
	const base =
		engine === "own" ? await ensureRootfs({ suite: "trixie", packages: ["ca-certificates"] }, { signal }) : "";
	const given = Object.entries(args)
		.toSorted(([a], [b]) => (a < b ? -1 : 1))
		.flat();
	const key = keyOf(engine, base, tag, await readFile(file, "utf8"), await contextKey(context), ...given);
	const build = async (directory: string) => {
		await step(`building image ${tag}`, async () => {
			const archive = join(directory, "image.tar");
			const log = await newLog(`image-${imageFileName(tag)}`);
			const job: Build = { context, file, tag, args, archive, log, signal };
			await (engine === "own" ? buildWithBuildah(job, base) : buildWithEngine(engine, job));
		});
	};
	const directory = await cached("images", key, build, { signal });
	const image = { tag, key, archive: join(directory, "image.tar") };
	await remember(image);
	return image;
}

interface Build {
	readonly context: string;
	readonly file: string;
	readonly tag: string;
	readonly args: Readonly<Record<string, string>>;
	/** Where the image goes. */
	readonly archive: string;
	readonly log: string;
	readonly signal: AbortSignal | undefined;
}

function buildArguments(args: Readonly<Record<string, string>>): string[] {
	return Object.entries(args).flatMap(([name, value]) => ["--build-arg", `${name}=${value}`]);
}

async function buildWithEngine(engine: "docker" | "podman", build: Build): Promise<void> {
	const { context, file, tag, args, archive, log, signal } = build;
	await run([engine, "build", "--tag", tag, "--file", file, ...buildArguments(args), context], { log, signal });
	await run([engine, "save", "--output", archive, tag], { log, signal });
}

/**
 * Builds in mount and process namespaces that last for one command, on a store in the cache that keeps the base image and
 * the layers of earlier builds. The machine's network is the build's, for packages.
 */
async function buildWithBuildah(build: Build, base: string): Promise<void> {
	const { context, file, tag, args, archive, log, signal } = build;
	await requireRoot(signal);
	await ensurePackages(["buildah", "runc", "util-linux"], { signal });
	const directory = join(cacheDirectory(), "buildah");
	await writeConfiguration(join(directory, "etc"), { root: directory });
	const buildah = async (...command: string[]) =>
		await run(["sh", join(here, "namespace", "build.sh"), directory, "buildah", ...command], { log, signal });
	await withLock(`${cacheDirectory()}/locks/buildah`, signal, async () => {
		// What a build that was killed left.
		await buildah("rm", "--all");
		const baseTag = `localhost/xmppfed-base:${keyOf(base)}`;
		const known = await buildah("images", "--format", "{{.Name}}:{{.Tag}}");
		if (!known.stdout.split("\n").includes(baseTag)) {
			await buildah("from", "--name", "base", "scratch");
			await buildah("add", "base", base, "/");
			await buildah("config", "--cmd", "/bin/bash", "base");
			await buildah("commit", "--rm", "base", baseTag);
		}
		const flags = ["--isolation", "chroot", "--format", "docker", "--layers", "--tag", tag, "--file", file];
		await buildah("build", ...flags, ...buildArguments({ BASE: baseTag, ...args }), context);
		await buildah("push", tag, `docker-archive:${archive}:${tag}`);
	});
}

/** A key of all that is in a directory: paths, execute bits, contents, targets of links. Times do not count. */
export async function contextKey(directory: string): Promise<string> {
	const parts: string[] = [];
	const entries = await readdir(directory, { recursive: true, withFileTypes: true });
	const paths = entries.filter((entry) => !entry.isDirectory()).map((entry) => join(entry.parentPath, entry.name));
	for (const path of paths.toSorted()) {
		parts.push(relative(directory, path));
		const link = await readlink(path).catch(() => undefined);
		if (link !== undefined) {
			parts.push("link", link);
			continue;
		}
		const hash = createHash("sha256");
		await pipeline(createReadStream(path), hash);
		parts.push((await stat(path)).mode & 0o111 ? "program" : "file", hash.digest("hex"));
	}
	return keyOf(...parts);
}

function imageFileName(tag: string): string {
	return encodeURIComponent(tag);
}

function rememberedPath(tag: string): string {
	return join(cacheDirectory(), "images-by-tag", imageFileName(tag));
}

/** How many images of one tag the cache keeps: work on two branches at once goes on without building anew each time. */
const KEPT_IMAGES = 3;

/** Notes which image a tag means now, for `load TAG`, and removes the oldest that it meant before. */
async function remember({ tag, key }: BuiltImage): Promise<void> {
	const path = rememberedPath(tag);
	await mkdir(dirname(path), { recursive: true });
	const keys = [key, ...(await rememberedKeys(tag)).filter((other) => other !== key)];
	await writeFile(path, keys.slice(0, KEPT_IMAGES).join("\n"));
	for (const old of keys.slice(KEPT_IMAGES)) {
		await rm(join(cacheDirectory(), "images", old), { recursive: true, force: true });
	}
}

/** The keys of the images that a tag has meant, newest first. */
async function rememberedKeys(tag: string): Promise<string[]> {
	const text = await readFile(rememberedPath(tag), "utf8").catch(() => "");
	return text.split("\n").filter(Boolean);
}

/**
 * Puts images onto the cluster's nodes, under their names. A node that has an image already is left alone.
 *
 * @param images what `buildImage` gave; or the tag of such an image; or the path of an archive (`.tar`); or, where the
 * cluster's engine is Docker or Podman, the name of an image in it.
 */
export async function clusterLoad(
	cluster: Cluster,
	images: readonly (BuiltImage | string)[],
	options: BuildOptions = {},
): Promise<void> {
	const { signal } = options;
	if (cluster.engine === "existing") {
		throw new RemedyError(
			`images cannot be put onto the nodes of "${cluster.name}" from here.`,
			"push them to a registry that the cluster pulls from.",
		);
	}
	for (const wanted of images) {
		const image = typeof wanted === "string" ? await findImage(cluster, wanted, signal) : wanted;
		const nodes = await nodesWithout(cluster, image, signal);
		if (nodes.length === 0) continue;
		await step(`loading ${image.tag} onto ${nodes.length} nodes`, async () => {
			// `allSettled`, so that no import goes on after this function has failed.
			const imports = nodes.map((node) => importImage(cluster, node, image, signal));
			for (const result of await Promise.allSettled(imports)) if (result.status === "rejected") throw result.reason;
		});
	}
}

async function findImage(cluster: Cluster, name: string, signal: AbortSignal | undefined): Promise<BuiltImage> {
	if (name.endsWith(".tar") && (await exists(name))) {
		const { mtimeMs, size } = await stat(name);
		return { tag: name, key: keyOf(name, String(mtimeMs), String(size)), archive: name };
	}
	const [key] = await rememberedKeys(name);
	if (key !== undefined) {
		const archive = join(cacheDirectory(), "images", key, "image.tar");
		if (await exists(archive)) return { tag: name, key, archive };
	}
	const engine: EngineKind | "existing" = cluster.engine;
	if (engine === "docker" || engine === "podman") {
		const id = await output([engine, "image", "inspect", "--format", "{{.Id}}", name], { signal }).catch(
			() => undefined,
		);
		if (id !== undefined) {
			const save = (directory: string) =>
				run([engine, "save", "--output", join(directory, "image.tar"), name], { signal }).then(() => undefined);
			const directory = await cached("images", keyOf(id, name), save, { signal });
			return { tag: name, key: keyOf(id, name), archive: join(directory, "image.tar") };
		}
	}
	throw new RemedyError(
		`there is no image "${name}".`,
		"give the tag of an image that was built here, or the path of an archive made by `docker save` (NAME.tar).",
	);
}

/** Where a node notes the keys of images that were put onto it: gone with the node. */
const NOTES = "/kind/xmppfed-images";

async function nodesWithout(cluster: Cluster, image: BuiltImage, signal: AbortSignal | undefined): Promise<string[]> {
	const nodes = workers(cluster.nodes);
	const notes = `${NOTES}/${imageFileName(image.tag)}`;
	const found = await Promise.all(
		nodes.map((node) => run(cluster.nodeCommand(node, ["cat", notes]), { signal, accept: [0, 1] })),
	);
	return nodes.filter((_node, index) => found[index]?.stdout !== image.key);
}

/** The nodes on which pods are scheduled: all but the control plane, unless there is nothing else. Pure. */
export function workers(nodes: readonly string[]): string[] {
	const found = nodes.filter((node) => !/-control-plane\d*$/.test(node));
	return found.length > 0 ? found : [...nodes];
}

async function importImage(
	cluster: Cluster,
	node: string,
	image: BuiltImage,
	signal: AbortSignal | undefined,
): Promise<void> {
	await importArchive(cluster, node, image.archive, signal);
	const script = 'mkdir -p "$(dirname "$1")" && printf %s "$2" >"$1"';
	const note = [`${NOTES}/${imageFileName(image.tag)}`, image.key];
	await run(cluster.nodeCommand(node, ["sh", "-c", script, "sh", ...note]), { signal });
}

/** Puts the images of an archive onto a node, where pods find them by name. The kubelet does not remove them. */
export async function importArchive(
	cluster: Cluster,
	node: string,
	archive: string,
	signal: AbortSignal | undefined,
): Promise<void> {
	const ctr = ["ctr", "--namespace=k8s.io", "images", "import", "--all-platforms", "--digests"];
	const options = ["--snapshotter=overlayfs", "--label=io.cri-containerd.pinned=pinned", "-"];
	await run(cluster.nodeCommand(node, [...ctr, ...options]), { input: createReadStream(archive), signal });
}
