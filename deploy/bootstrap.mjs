// Runs a TypeScript entry point under the project's own Node from a bare checkout: `node deploy/bootstrap.mjs FILE ARG...`.
// Plain JavaScript without dependencies, because it runs under whatever Node (18 or newer) the machine has.
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { constants } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const modules = join(root, "node_modules");
const stamp = join(modules, ".xmppfed-installed");

function fail(message) {
	console.error(`error: ${message}`);
	process.exit(1);
}

/**
 * Installs what package-lock.json pins, but only when it differs from what is installed. Not `npm ci`: that refuses to
 * start where the registry lacks the binaries of a platform that is not this one (they are optional dependencies of the
 * linter and the formatter), although nothing of them would be installed.
 */
function installDependencies() {
	const lock = readFileSync(join(root, "package-lock.json"));
	const wanted = createHash("sha256").update(lock).digest("hex");
	if (existsSync(stamp) && readFileSync(stamp, "utf8") === wanted) return;
	console.error("▸ installing npm packages");
	const started = Date.now();
	const npm = spawnSync("npm", ["install", "--no-save", "--ignore-scripts", "--loglevel=error"], {
		cwd: root,
		stdio: ["ignore", 2, 2],
	});
	if (npm.error) fail(`npm was not found. It comes with Node: install Node 18 or newer. (${npm.error.message})`);
	if (npm.status !== 0)
		fail(`npm install failed with exit code ${npm.status}. Is the npm registry reachable? Try: npm ping`);
	mkdirSync(modules, { recursive: true });
	// A new file in its place: a copy of node_modules made by hard links must not be told of what only this one has.
	writeFileSync(`${stamp}.new`, wanted);
	renameSync(`${stamp}.new`, stamp);
	console.error(`✓ installed npm packages (${Math.round((Date.now() - started) / 1000)} s)`);
}

const [entry, ...args] = process.argv.slice(2);
if (!entry) fail("usage: node deploy/bootstrap.mjs FILE.ts [ARGUMENT...]");
if (process.platform !== "linux" || !["x64", "arm64"].includes(process.arch)) {
	fail(`this needs Linux on x64 or arm64; this is ${process.platform} on ${process.arch}`);
}
installDependencies();
const node = join(modules, ".bin", "node");
if (!existsSync(node)) fail("node_modules/.bin/node is missing. Remove node_modules and run the command again.");

const child = spawn(node, [join(root, entry), ...args], {
	cwd: root,
	stdio: "inherit",
	env: { ...process.env, PATH: `${join(modules, ".bin")}:${process.env.PATH ?? ""}` },
});
// The child gets Ctrl-C from the terminal itself; a signal sent to this process alone is handed on.
process.on("SIGINT", () => {});
for (const signal of ["SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
child.on("exit", (code, signal) => process.exit(signal ? 128 + (constants.signals[signal] ?? 0) : (code ?? 1)));
