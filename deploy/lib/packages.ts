import { readdir, rm, writeFile } from "node:fs/promises";
import { cacheDirectory, exists, newLog } from "./cache.ts";
import { CommandError, run, succeeds } from "./commands.ts";
import { withLock } from "./lock.ts";
import { RemedyError, step } from "./steps.ts";

/** Debian asks this file whether a package may start its services; exit code 101 means that it may not. */
const POLICY = "/usr/sbin/policy-rc.d";
const environment = { DEBIAN_FRONTEND: "noninteractive", LC_ALL: "C.UTF-8" };
/** Seconds to wait for another apt or dpkg on this machine. */
const LOCK_TIMEOUT = "DPkg::Lock::Timeout=300";

/**
 * Installs those of the Debian packages that are missing, without recommended ones and without starting any service, and
 * says what it installs.
 *
 * @throws {RemedyError} where this is not Debian or a derivative, not root, or apt fails.
 */
export async function ensurePackages(
	packages: readonly string[],
	options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<void> {
	const { signal } = options;
	if ((await missingPackages(packages, signal)).length === 0) return;
	await withLock(`${cacheDirectory()}/locks/apt`, signal, async () => {
		const missing = await missingPackages(packages, signal);
		if (missing.length === 0) return;
		if (process.getuid?.() !== 0) {
			throw new RemedyError(
				`these Debian packages are missing: ${missing.join(", ")}.`,
				`run this as root: apt-get install --no-install-recommends ${missing.join(" ")}`,
			);
		}
		await step(`installing Debian packages: ${missing.join(" ")}`, async () => {
			await withoutServices(async () => {
				if (!(await haveLists(missing, signal))) await apt(["update"], signal);
				await apt(["install", "--yes", "--no-install-recommends", ...missing], signal);
			});
		});
	});
}

async function missingPackages(packages: readonly string[], signal: AbortSignal | undefined): Promise<string[]> {
	const query = ["dpkg-query", "--show", "--showformat", "${Package} ${db:Status-Status}\\n", ...packages];
	try {
		const { stdout } = await run(query, { signal, accept: [0, 1] });
		return notInstalled(packages, stdout);
	} catch (error) {
		if (!(error instanceof CommandError)) throw error;
		throw new RemedyError(
			"this machine has no dpkg-query: it is not Debian or a derivative.",
			`install what these Debian packages contain by hand: ${packages.join(", ")}. Or use a machine with Docker or Podman.`,
			{ cause: error },
		);
	}
}

/** Those of `packages` that the output of dpkg-query (`NAME STATUS` lines) does not show as installed. Pure. */
export function notInstalled(packages: readonly string[], queried: string): string[] {
	const installed = new Set(
		queried
			.split("\n")
			.map((line) => line.split(" "))
			.filter(([, status]) => status === "installed")
			.map(([name]) => name),
	);
	return packages.filter((name) => !installed.has(name));
}

/** Whether apt's lists are there and know all the packages. */
async function haveLists(packages: readonly string[], signal: AbortSignal | undefined): Promise<boolean> {
	const lists = await readdir("/var/lib/apt/lists").catch(() => []);
	if (!lists.some((name) => /_Packages(\.\w+)?$/.test(name))) return false;
	return await succeeds(["apt-get", "install", "--simulate", "--no-install-recommends", ...packages], {
		env: environment,
		signal,
	});
}

async function apt(args: readonly string[], signal: AbortSignal | undefined): Promise<void> {
	const command = ["apt-get", "--quiet", "--option", LOCK_TIMEOUT, ...args];
	const options = { env: environment, log: await newLog("apt"), signal };
	try {
		await run(command, options);
	} catch (error) {
		if (!(error instanceof CommandError)) throw error;
		if (args[0] !== "update") {
			// Lists of last month name packages that the mirror no longer has.
			await run(["apt-get", "--quiet", "--option", LOCK_TIMEOUT, "update"], options);
			await run(command, options);
			return;
		}
		throw new RemedyError("apt-get update failed.", "see that the Debian mirror of this machine can be reached.", {
			cause: error,
		});
	}
}

/** Puts a policy in place that lets no package start a service, unless the machine has a policy already. */
async function withoutServices(work: () => Promise<void>): Promise<void> {
	if (await exists(POLICY)) return await work();
	await writeFile(POLICY, "#!/bin/sh\nexit 101\n", { mode: 0o755, flag: "wx" });
	try {
		await work();
	} finally {
		await rm(POLICY, { force: true });
	}
}
