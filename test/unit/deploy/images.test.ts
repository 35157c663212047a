import { createHash } from "node:crypto";
import { chmod, mkdir, mkdtemp, readFile, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { z } from "zod";
import { repositories, writeImageArchive } from "../../../deploy/kind/image-archive.ts";
import { contextKey, workers } from "../../../deploy/kind/images.ts";
import { output, run } from "../../../deploy/lib/commands.ts";

let directory: string;
beforeEach(async () => {
	directory = await mkdtemp(join(tmpdir(), "xmppfed-images-"));
});
afterEach(async () => await rm(directory, { recursive: true }));

describe("contextKey", () => {
	const make = async (name: string, text = "text") => {
		const path = join(directory, name);
		await mkdir(join(path, "sub"), { recursive: true });
		await writeFile(join(path, "sub", "file"), text);
		await symlink("file", join(path, "sub", "link"));
		return path;
	};

	it("is the same for the same files, whenever they were written", async () => {
		const [one, two] = [await make("one"), await make("two")];
		await utimes(join(two, "sub", "file"), 1, 1);
		expect(await contextKey(one)).toBe(await contextKey(two));
	});

	it("changes with a file's contents, name, execute bit and with a link's target", async () => {
		const keys = [await contextKey(await make("plain")), await contextKey(await make("text", "other"))];
		const program = await make("program");
		await chmod(join(program, "sub", "file"), 0o755);
		keys.push(await contextKey(program));
		const more = await make("more");
		await writeFile(join(more, "another"), "");
		keys.push(await contextKey(more));
		const link = await make("link");
		await rm(join(link, "sub", "link"));
		await symlink("elsewhere", join(link, "sub", "link"));
		keys.push(await contextKey(link));
		expect(new Set(keys).size).toBe(keys.length);
	});
});

describe("workers", () => {
	it("leaves out control planes, unless there is nothing else", () => {
		expect(workers(["x-control-plane", "x-control-plane2", "x-worker", "x-worker2"])).toEqual([
			"x-worker",
			"x-worker2",
		]);
		expect(workers(["x-control-plane"])).toEqual(["x-control-plane"]);
	});
});

const manifestShape = z.array(
	z.object({ Config: z.string(), RepoTags: z.array(z.string()), Layers: z.array(z.string()) }),
);
const configShape = z.object({
	config: z.object({ Entrypoint: z.array(z.string()).optional(), User: z.string().optional() }),
	rootfs: z.object({ diff_ids: z.array(z.string()) }),
});

describe("writeImageArchive", () => {
	it("writes what docker load reads: layers, their digests, names and configuration", async () => {
		const program = join(directory, "program");
		await writeFile(program, "#!/bin/sh\n");
		const base = join(directory, "base.tar");
		await run(["tar", "-C", directory, "-cf", base, "program"]);
		const archive = join(directory, "images.tar");
		const images = [
			{ names: ["example/one:1", "example/same:1"], programs: { "/bin/one": program }, entrypoint: ["/bin/one"] },
			{ names: ["example/two:2"], base, programs: { "/usr/bin/two": program }, user: "1:2" },
			{ names: ["example/three:3"], base, programs: {} },
		];
		await writeImageArchive(archive, images, undefined);

		const members = (await output(["tar", "-tf", archive])).split("\n");
		expect(members.slice(0, 2)).toEqual(["repositories", "manifest.json"]);
		await mkdir(join(directory, "out"));
		await run(["tar", "-C", join(directory, "out"), "-xf", archive]);
		const read = async (name: string) => await readFile(join(directory, "out", name));
		const manifest = manifestShape.parse(JSON.parse(String(await read("manifest.json"))));
		expect(manifest.map(({ RepoTags }) => RepoTags)).toEqual(images.map(({ names }) => names));
		// The base is in the archive once.
		expect(manifest[1]?.Layers[0]).toBe(manifest[2]?.Layers[0]);
		for (const { Config, Layers } of manifest) {
			const config = configShape.parse(JSON.parse(String(await read(Config))));
			const digests = await Promise.all(
				Layers.map(
					async (layer) =>
						`sha256:${createHash("sha256")
							.update(await read(layer))
							.digest("hex")}`,
				),
			);
			expect(config.rootfs.diff_ids).toEqual(digests);
		}
		const one = configShape.parse(JSON.parse(String(await read(manifest[0]?.Config ?? ""))));
		expect(one.config.Entrypoint).toEqual(["/bin/one"]);
		const layer = join(directory, "out", manifest[0]?.Layers[0] ?? "");
		expect(await output(["tar", "-tvf", layer, "--numeric-owner"])).toMatch(/-rwxr-xr-x 0\/0 .* \.\/bin\/one$/);
	});

	it("gives layers that depend on contents only", async () => {
		const program = join(directory, "program");
		await writeFile(program, "same");
		const layers: string[] = [];
		for (const name of ["first.tar", "second.tar"]) {
			const archive = join(directory, name);
			await writeImageArchive(archive, [{ names: ["x:1"], programs: { "/a/b": program } }], undefined);
			layers.push(await output(["tar", "-xOf", archive, "manifest.json"]));
			await utimes(program, 1, 1);
		}
		expect(layers[0]).toBe(layers[1]);
	});

	it("fails where a program is missing", async () => {
		const missing = { names: ["x:1"], programs: { "/a": join(directory, "nothing") } };
		await expect(writeImageArchive(join(directory, "x.tar"), [missing], undefined)).rejects.toThrow("ENOENT");
	});
});

describe("repositories", () => {
	it("splits names at the tag, not at a registry's port", () => {
		expect(repositories([{ names: ["host:5000/a:1", "host:5000/a:2"], programs: {} }])).toEqual({
			"host:5000/a": { "1": "", "2": "" },
		});
	});
});
