// Clusters of kind for the demo, the tests and for trying things: `npm run cluster -- up|down|status|load IMAGE...`, and
// the functions behind it.
import { parseArgs } from "node:util";
import { run } from "../lib/commands.ts";
import { runProgram } from "../lib/program.ts";
import { RemedyError } from "../lib/steps.ts";
import { type ClusterOptions, clusterDown, clusterUp, findCluster } from "./clusters.ts";
import { clusterLoad } from "./images.ts";
import { DEFAULT_NAME } from "./names.ts";

export { type Cluster, type ClusterOptions, clusterDown, clusterUp, findCluster } from "./clusters.ts";
export { type BuiltImage, buildImage, clusterLoad, type ImageSource } from "./images.ts";
export { DEFAULT_NAME } from "./names.ts";

const usage = `usage: npm run cluster -- COMMAND [--name NAME | --context CONTEXT]
  up             create the cluster where it is not there: one control plane, two workers, LoadBalancers
  down           remove the cluster and everything made for it, but not the cache
  status         show the cluster, its nodes and how to use it
  load IMAGE...  put images onto its nodes: tags of images built here, or archives (NAME.tar)
  --name         name of the cluster (${DEFAULT_NAME})
  --context      an existing cluster of your kubeconfig; it is never created or removed`;

/** Options and words of the command line, or what is wrong with them. */
function parse(args: readonly string[]) {
	try {
		return parseArgs({
			args: [...args],
			allowPositionals: true,
			options: { name: { type: "string" }, context: { type: "string" }, help: { type: "boolean", short: "h" } },
		});
	} catch (error) {
		return error instanceof Error ? error.message : String(error);
	}
}

async function main(args: readonly string[], signal: AbortSignal): Promise<number> {
	const parsed = parse(args);
	if (typeof parsed === "string") {
		console.error(`${parsed}\n${usage}`);
		return 2;
	}
	const { values, positionals } = parsed;
	const [command, ...images] = positionals;
	if (values.help) {
		console.log(usage);
		return 0;
	}
	const options: ClusterOptions = { name: values.name, context: values.context, signal };
	switch (command) {
		case "up":
			await clusterUp(options);
			return await status(options);
		case "down":
			if (values.context !== undefined) {
				throw new RemedyError("an existing cluster is not removed here.", "leave --context away, or use kubectl.");
			}
			await clusterDown(options);
			return 0;
		case "status":
			return await status(options);
		case "load":
			await clusterLoad(await required(options), images, { signal });
			return 0;
		default:
			console.error(usage);
			return 2;
	}
}

async function required(options: ClusterOptions): Promise<NonNullable<Awaited<ReturnType<typeof findCluster>>>> {
	const cluster = await findCluster(options);
	if (cluster) return cluster;
	throw new RemedyError(`cluster ${options.name ?? DEFAULT_NAME} is not up.`, "create it: npm run cluster -- up");
}

async function status(options: ClusterOptions): Promise<number> {
	const cluster = await findCluster(options);
	if (!cluster) {
		console.log(`cluster ${options.name ?? DEFAULT_NAME}: not up`);
		return 1;
	}
	console.log(`cluster ${cluster.name} (${cluster.engine === "own" ? "engine of its own" : cluster.engine})`);
	const { stdout } = await run([cluster.kubectl, "--kubeconfig", cluster.kubeconfigPath, "get", "nodes", "-o", "wide"]);
	console.log(stdout.trimEnd());
	console.log(`export KUBECONFIG=${cluster.kubeconfigPath}`);
	console.log(`kubectl: ${cluster.kubectl}`);
	return 0;
}

if (import.meta.main) await runProgram((signal) => main(process.argv.slice(2), signal));
