import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { clusterFiles } from "../../../deploy/kind/names.ts";
import { cgroupHierarchies } from "../../../deploy/kind/namespaces.ts";
import { imageNames } from "../../../deploy/kind/node-image.ts";
import { notInstalled } from "../../../deploy/lib/packages.ts";
import { requiredVersion, toolKey, toolVersion } from "../../../deploy/toolchain/tools.ts";

const toolchain = join(import.meta.dirname, "../../../deploy/toolchain");

describe("requiredVersion", () => {
	it("reads single and grouped requirements, and only whole module paths", () => {
		const goMod = "require a.org/x v1.0.0\nrequire (\n\ta.org/y/v2 v2.1.0 // indirect\n\ta.org/y v0.9.0\n)\n";
		expect(requiredVersion(goMod, "a.org/x")).toBe("v1.0.0");
		expect(requiredVersion(goMod, "a.org/y")).toBe("v0.9.0");
		expect(requiredVersion(goMod, "a.org/y/v2")).toBe("v2.1.0");
		expect(() => requiredVersion(goMod, "aXorg/x")).toThrow("does not require aXorg/x");
	});
});

describe("the pinned versions", () => {
	it("are those of one release of Kubernetes", async () => {
		const goMod = await readFile(join(toolchain, "kubernetes", "go.mod"), "utf8");
		const [, minor, patch] = (await toolVersion("kubelet")).split(".");
		const staging = [...goMod.matchAll(/=> k8s\.io\/\S+ (\S+)/g)].map((match) => match[1]);
		expect(staging.length).toBeGreaterThan(30);
		expect(new Set(staging)).toEqual(new Set([`v0.${minor}.${patch}`]));
	});

	it("are part of a tool's key", async () => {
		expect(await toolKey("etcd")).toContain(await toolVersion("etcd"));
		expect(await toolKey("kubelet")).not.toBe(await toolKey("kubeadm"));
	});
});

describe("imageNames", () => {
	it("finds names in Go constants and in containerd's configuration", () => {
		const text =
			'const aImage = "host/a:1"\nvar b = "host/b:1"\n  sandbox_image = "host/c:1"\n# sandbox_image = "host/d:1"\n';
		expect(imageNames(text)).toEqual(["host/a:1", "host/c:1"]);
	});
});

describe("notInstalled", () => {
	it("takes removed and unknown packages for missing", () => {
		expect(notInstalled(["a", "b", "c"], "a installed\nb config-files\n")).toEqual(["b", "c"]);
	});
});

describe("cgroupHierarchies", () => {
	it("finds both versions", () => {
		const mounts =
			"tmpfs /sys/fs/cgroup tmpfs rw 0 0\ncgroup /c/cpu cgroup rw,cpu 0 0\ncgroup2 /c/unified cgroup2 rw 0 0\n";
		expect(cgroupHierarchies(mounts)).toEqual(["/c/cpu", "/c/unified"]);
	});
});

describe("clusterFiles", () => {
	it("refuses a name that is no label of a host name", () => {
		for (const name of ["", "A", "a/b", "..", "-a", "a-", "x".repeat(41)]) {
			expect(() => clusterFiles(name)).toThrow(`"${name}" is no name for a cluster`);
		}
		expect(clusterFiles("x".repeat(40)).kubeconfig).toContain("/clusters/");
	});
	it("keeps clusters of one name in two caches apart", () => {
		const before = process.env["XMPPFED_CACHE"];
		try {
			const groups = ["/one", "/two"].map((cache) => {
				process.env["XMPPFED_CACHE"] = cache;
				return clusterFiles("same").namespaces.cgroup;
			});
			expect(new Set(groups).size).toBe(2);
		} finally {
			if (before === undefined) delete process.env["XMPPFED_CACHE"];
			else process.env["XMPPFED_CACHE"] = before;
		}
	});
});
