import { createHash } from "node:crypto";
import { mkdir, readdir, rename, rm, stat, utimes } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { withLock } from "./lock.ts";

/** Where built things are kept between runs, outside the checkout. */
export function cacheDirectory(): string {
	const { XMPPFED_CACHE, XDG_CACHE_HOME } = process.env;
	return XMPPFED_CACHE || join(XDG_CACHE_HOME || join(homedir(), ".cache"), "xmppfed");
}

/** The file for the log of commands of one purpose; what earlier runs wrote into it is removed. */
export async function newLog(name: string): Promise<string> {
	const path = join(cacheDirectory(), "logs", `${name}.log`);
	await rm(path, { force: true });
	return path;
}

/** A short key of the given texts: the first 12 hexadecimal digits of their SHA-256. */
export function keyOf(...parts: readonly string[]): string {
	const hash = createHash("sha256");
	for (const part of parts) hash.update(`${part.length}:${part}`);
	return hash.digest("hex").slice(0, 12);
}

/**
 * The directory `KIND/KEY` of the cache, made by `build` where it is not there. `build` fills an empty directory, which
 * gets its name only when `build` is done: what is in the cache is whole. Two runs at once build once.
 */
export async function cached(
	kind: string,
	key: string,
	build: (directory: string) => Promise<void>,
	options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<string> {
	const parent = join(cacheDirectory(), kind);
	const path = join(parent, key);
	if (await exists(path)) {
		const now = new Date();
		await utimes(path, now, now);
		return path;
	}
	return await withLock(join(cacheDirectory(), "locks", `${kind}-${key}`), options.signal, async () => {
		if (await exists(path)) return path;
		const prefix = `.${key}.partial`;
		await mkdir(parent, { recursive: true });
		// The lock is ours, so whatever has our prefix was left by a run that was killed.
		for (const name of await readdir(parent)) {
			if (name.startsWith(prefix)) await rm(join(parent, name), { recursive: true, force: true });
		}
		const partial = join(parent, `${prefix}-${process.pid}`);
		await mkdir(partial);
		try {
			await build(partial);
			options.signal?.throwIfAborted();
			await rename(partial, path);
		} catch (error) {
			await rm(partial, { recursive: true, force: true });
			throw error;
		}
		return path;
	});
}

export async function exists(path: string): Promise<boolean> {
	return await stat(path).then(
		() => true,
		() => false,
	);
}
